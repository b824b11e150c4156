//! Reading YAML: a large file beside another reader, and how time grows with the length of a text.
//!
//! Each reading of the large file is a process of its own, which says how long it took and the most memory it ever held.

use std::path::Path;
use std::process::Command;
use std::process::ExitCode;
use std::time::Instant;

use serde_json::Value;

use crate::Done;
use crate::Extent;
use crate::process::command;
use crate::process::memory;
use crate::stats::Sample;
use crate::stats::heading;
use crate::stats::line;

/// Bytes of the large file.
const LARGE: usize = 50_000_000;

/// Bytes of the shorter text of each shape.
const SHORT: usize = 1 << 20;

/// How this program asks itself to read one file.
const CHILD: &str = "--read-yaml";

/// Who reads.
const READERS: [&str; 2] = ["Tidegate", "serde-saphyr"];

/// Reads one file if the words say so: `--read-yaml READER FILE`.
pub(crate) fn child(words: &[String]) -> Option<ExitCode> {
    let [CHILD, reader, file] = words.iter().map(String::as_str).collect::<Vec<_>>()[..] else { return None };
    Some(match one(reader, Path::new(file)) {
        Ok(said) => {
            println!("{said}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    })
}

/// Seconds, MiB at most, documents.
fn one(reader: &str, file: &Path) -> Done<String> {
    let text = std::fs::read(file)?;
    let started = Instant::now();
    let documents = if reader == READERS[0] {
        tidegate::read_yaml(&text)?
    } else {
        let options = serde_saphyr::options! { budget: None };
        serde_saphyr::from_slice_multiple_with_options::<Value>(&text, options)?
    };
    let seconds = started.elapsed().as_secs_f64();
    let (_, peak) = memory(std::process::id())?;
    Ok(format!("{seconds} {peak} {}", documents.len()))
}

/// Measures and prints.
pub(crate) fn measure(extent: Extent) -> Done<()> {
    heading("reading YAML: one file of 50 MB, its Deployments turned into JSON");
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("large.yaml");
    let (text, count) = deployments();
    std::fs::write(&file, &text)?;
    let size = f64::from(u32::try_from(text.len())?) / 1e6;
    let (mut seconds, mut peaks) =
        ([Sample::default(), Sample::default()], [Sample::default(), Sample::default()]);
    for round in 0..=extent.of(2, 5) {
        for (reader, name) in READERS.iter().enumerate() {
            let said = asked(name, &file)?;
            let [time, peak, documents] = &said[..] else {
                return Err("a reader said something else".into());
            };
            if *documents != count.to_string() {
                return Err(format!("{name} read {documents} documents instead of {count}").into());
            }
            let (time, peak) = (time.parse()?, peak.parse()?);
            if round > 0 {
                seconds[reader].add(time);
                peaks[reader].add(peak);
            }
        }
    }
    for (reader, name) in READERS.iter().enumerate() {
        let speed = size / seconds[reader].median();
        line(&format!("{name}: {count} documents"), &seconds[reader].show(1.0, "s"));
        line("  MB/s (by the median)", &format!("{speed:.1}"));
        line("  memory at most", &peaks[reader].show(1.0, "MiB"));
    }
    line("serde-saphyr's time", &seconds[1].over(&seconds[0]).show(1.0, "times Tidegate's"));
    growth(extent);
    Ok(())
}

/// What a process of its own says of reading the file.
fn asked(reader: &str, file: &Path) -> Done<Vec<String>> {
    let mut command: Command = command(std::env::current_exe()?)?;
    let output = command.args([CHILD, reader]).arg(file).output()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        return Err(format!("{reader}: {said}").into());
    }
    Ok(said.split_whitespace().map(str::to_owned).collect())
}

/// Texts of one shape at one length and at four times that: where time grows by more than that, a step is worse than linear.
fn growth(extent: Extent) {
    heading("reading YAML: time of 4 MiB of one shape, in times of 1 MiB of it (4 is linear)");
    let shapes: [(&str, &str, &str); 15] = [
        ("one plain scalar", "k: ", "ab "),
        ("one text in single quotes", "k: '", "it''s "),
        ("one text in double quotes, with escapes", "k: \"", "a\\n\\u00e9"),
        ("one literal block", "k: |\n", "  some text\n"),
        ("one folded block", "k: >\n", "  some text\n"),
        ("blank lines before a block", "k: |\n", "\n"),
        ("a comment", "k: 1 #", "x"),
        ("lines of comments", "k: 1\n", "# x\n"),
        ("openings of lists", "", "["),
        ("dashes", "", "- "),
        ("one key", "", "x"),
        ("one list", "k: [", "a, "),
        ("one key given again and again", "", "k: 1\n"),
        ("documents", "k: 1\n", "---\nk: 1\n"),
        ("JSON values", "", "{\"k\": 1}"),
    ];
    let ends = |head: &str| match head.chars().next_back() {
        Some('[') => "]".to_owned(),
        Some(quote @ ('\'' | '"')) => quote.to_string(),
        _ => String::new(),
    };
    let time = |text: &str| {
        let started = Instant::now();
        // Some of them are refused: that is what is measured.
        drop(std::hint::black_box(tidegate::read_yaml(text.as_bytes())));
        started.elapsed()
    };
    let compare = |shape: &str, short: &str, long: &str| {
        let (mut shorts, mut longs) = (Sample::default(), Sample::default());
        for _ in 0..extent.of(3, 7) {
            shorts.time(time(short));
            longs.time(time(long));
        }
        line(shape, &longs.over(&shorts).show(1.0, "times"));
    };
    for (shape, head, unit) in shapes {
        let text = |bytes: usize| format!("{head}{}{}\n", unit.repeat(bytes / unit.len()), ends(head));
        compare(shape, &text(SHORT), &text(4 * SHORT));
    }
    let keys = |count: u32| (0..count).map(|key| format!("k{key}: 1\n")).collect::<Vec<_>>().concat();
    compare("100,000 keys of one mapping, and 400,000", &keys(100_000), &keys(400_000));
}

/// Deployments as people write them, until the file is large; and how many.
fn deployments() -> (String, u32) {
    let (mut text, mut count) = (String::with_capacity(LARGE + 4096), 0);
    while text.len() < LARGE {
        text.push_str(&DEPLOYMENT.replace("NUMBER", &count.to_string()));
        count += 1;
    }
    (text, count)
}

const DEPLOYMENT: &str = r#"---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web-NUMBER
  namespace: shop
  labels:
    app.kubernetes.io/name: web
    app.kubernetes.io/instance: "web-NUMBER"
  annotations:
    description: "The web server: number NUMBER"
spec:
  replicas: 3
  selector:
    matchLabels: {app: web}
  template:
    metadata:
      labels:
        app: web
    spec:
      containers:
      - name: web
        image: registry.example/shop/web:1.2.NUMBER
        args: ["--listen=:8080", '--level=info', --trace]
        env:
        - name: MODE
          value: production
        - name: SCRIPT
          value: |
            #!/bin/sh
            set -eu
            exec web --all   # not a comment
        ports:
        - containerPort: 8080
          name: http
        resources:
          limits: {cpu: 500m, memory: 256Mi}
          requests:
            cpu: 100m
            memory: 128Mi
        livenessProbe:
          httpGet: {path: /healthz, port: http}
          initialDelaySeconds: 10
      terminationGracePeriodSeconds: 30
"#;
