//! One place of a schema.

use std::collections::BTreeMap;

use serde_json::Value;

/// What may stand at one place. The default allows anything.
#[derive(Debug, Clone, PartialEq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "the extensions are independent of one another")]
pub(super) struct Node {
    /// The name of the part that says it; only [`Node::default`] is this node's own.
    pub refers: Option<String>,
    /// None: anything.
    pub sort: Option<Sort>,
    /// A whole number or a text.
    pub int_or_string: bool,
    /// May it be null?
    pub nullable: bool,
    /// The known fields of an object.
    pub properties: BTreeMap<String, Node>,
    /// What fields of other names are.
    pub additional: Additional,
    /// The items of a list.
    pub items: Option<Box<Node>>,
    /// Fields that must be there.
    pub required: Vec<String>,
    /// What it is when it is not said.
    pub default: Option<Value>,
    /// Unknown fields stay.
    pub preserve: bool,
    /// A whole object with apiVersion, kind and metadata of its own.
    pub embedded: bool,
    /// How the items of a list are told apart.
    pub list: List,
    /// An object that is replaced whole.
    pub atomic: bool,
    /// What a value of the right type must fulfil.
    pub bounds: Option<Box<Bounds>>,
    /// Conditions over other schemas.
    pub logic: Option<Box<Logic>>,
    /// Rules in CEL, as they are written.
    pub cel: Option<Value>,
}

/// What JSON calls types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    Object,
    Array,
    String,
    Integer,
    Number,
    Boolean,
}

impl Sort {
    /// With its article.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Object => "an object",
            Self::Array => "a list",
            Self::String => "a text",
            Self::Integer => "a whole number",
            Self::Number => "a number",
            Self::Boolean => "true or false",
        }
    }
}

/// Fields of other names than the known ones.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) enum Additional {
    /// There are none.
    #[default]
    None,
    /// They may be anything.
    Any,
    /// They are all like this.
    Like(Box<Node>),
}

/// How the items of a list are told apart.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) enum List {
    /// Not at all.
    #[default]
    Atomic,
    /// Each value is there once.
    Set,
    /// By the values of these keys.
    Map(Vec<String>),
}

/// Bounds on a value.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Bounds {
    pub one_of: Option<Vec<Value>>,
    pub pattern: Option<String>,
    pub format: Option<String>,
    pub minimum: Option<f64>,
    pub maximum: Option<f64>,
    /// Is the minimum itself outside?
    pub above: bool,
    /// Is the maximum itself outside?
    pub below: bool,
    pub multiple: Option<f64>,
    pub min_length: Option<u64>,
    pub max_length: Option<u64>,
    pub min_items: Option<u64>,
    pub max_items: Option<u64>,
    pub min_properties: Option<u64>,
    pub max_properties: Option<u64>,
    pub unique: bool,
}

/// Conditions over other schemas.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Logic {
    pub all: Vec<Node>,
    pub any: Vec<Node>,
    pub one: Vec<Node>,
    pub not: Option<Box<Node>>,
}

impl Node {
    /// The nodes right beneath it that values lie at.
    pub(super) fn children(&self) -> impl Iterator<Item = &Self> {
        let additional = match &self.additional {
            Additional::Like(node) => Some(&**node),
            Additional::None | Additional::Any => None,
        };
        self.properties.values().chain(additional).chain(self.items.as_deref())
    }

    /// Are there rules in CEL here or beneath?
    pub(super) fn has_rules(&self) -> bool {
        self.cel.is_some() || self.children().any(Self::has_rules)
    }

    /// The node of an object's field.
    pub(super) fn field(&self, key: &str) -> Option<&Self> {
        self.properties.get(key).or(match &self.additional {
            Additional::Like(node) => Some(node),
            Additional::None | Additional::Any => None,
        })
    }
}
