//! Scalars as values and as keys, one a line.

/// What stands behind `k: `.
pub(super) const VALUES: &str = r##"
y
Y
yes
Yes
YES
yEs
on
On
ON
oN
n
N
no
No
NO
off
Off
OFF
true
True
TRUE
tRue
false
False
FALSE
~
null
Null
NULL
nUll
""
''
'y'
"no"
0
-0
+0
00
0644
-0644
+0644
0o17
-0o17
0O17
0x1F
0X1f
-0x1f
+0x1f
0x
0xg
0x-1
0b101
0B101
-0b11
+0b11
0b2
0b
089
0_7
1_000
1_
_1
1__0
0x_1
0o_7
0b_1
1_0.5
1.2_5
1_e3
+12
+
--
.
..
1.0
1.50
5.
.5
-.5
+.5
.5_0
.5_
._5
.e3
1e3
1E3
1e+3
1e-3
1e
1e+
12e03
1.5e300
1e15
1e18
1e19
1e20
1e21
1e22
1e100
1e308
1e400
-1e400
1e-7
1e-400
0.1
0.30000000000000004
123456789.123456789
3.141592653589793238
9007199254740991
9007199254740992
9007199254740993
9223372036854775807
9223372036854775808
-9223372036854775808
-9223372036854775809
18446744073709551615
18446744073709551616
+18446744073709551615
99999999999999999999999999
07777777777777777777777777
0xffffffffffffffff
0x10000000000000000
-0xffffffffffffffff
1.2.3
1:30
12:30:45
190:20:30
2020-01-01
2001-12-14t21:59:43.10-05:00
2001-12-14 21:59:43.10 -5
2001-1-1
Inf
inf
NaN
nan
.nAn
.iNf
Infinity
0x1p-2
1_000_000.25
<<
=
'<<'
"\U0001F389"
"\u00e9\xe9\0\a\b\e\f\v\N\_\L\P\t\n\r"
"a\ b"
'it''s'
"a 'b' \"c\""
a #b
a#b
a# b
"a: b"
http://x/y#z
a b  c
[a, b]
[a, b,]
[]
{}
{a: 1, b}
{a: , b: }
{a:1}
{"a":1}
{a: [1, {b: ~}], "c": 'd'}
[a: 1, b: 2]
[y, no, ~, 010]
!!str 12
!!str
!!str ~
!!int 12
!!int "0x10"
!!float 3
!!float 1.5
!!float .5
!!bool yes
!!bool 'yes'
!!null ~
!!null ''
!!binary aGk=
!!binary "aGVsbG8gd29ybGQ="
!!timestamp 2020-01-01
!!str 2020-01-01
!!map {a: 1}
!!seq [1]
!<tag:yaml.org,2002:str> 12
!<tag:yaml.org,2002:int> 12
! 12
! y
!mine 12
!mine {a: 1}
!!mine 12
!!set {a, b}
!!omap [a: 1]
!!merge x
&a 1
&a
&a y
!!str &a 1
&a !!str 1
'@a'
a%b
a@b
a`b
a*b
a&b
a!b
a|b
a>b
a[b
a{b
a,b
a]b
ab}
-a
?a
:a
a?
a:b
a::b
é
日本語
🎉
"🎉"
'\'
a\nb
"#a"
'%'
"	tab"
a	b
a 	
"##;

/// What stands before `: 1`, two blanks in.
pub(super) const KEYS: &str = r#"
y
Y
yes
on
off
No
true
True
'y'
"on"
0
-0
+1
010
0x10
0o17
0b11
1_0
12
089
9223372036854775807
-9223372036854775808
1.0
1.5
1.50
-1.5
.5
1e3
1e6
1e20
1e-7
100000.0
1234567.5
0.00001
0.0001
123456.7
1234567.0
16777217.0
3.4e38
1e39
-1e39
.inf
-.inf
.nan
1e400
99999999999999999999999
2020-01-01
12:30
a b
"a b"
"a: b"
"a\nb"
'<<'
"<<"
=
""
''
é
日本語
"\u00e9"
!!str y
!!str 1
!!str ~
!!int 1
!!float 1
!!binary aGk=
!mine y
&a a
&a y
-a
-1
?a
:a
a:b
a#b
a'b
a"b
a.b/c
a/b
.a
..
"{{a}}"
"#;
