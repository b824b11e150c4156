//! One request as a route sees it, and what it answers.

use crate::acts::Actor;
use crate::auth::Principal;
use crate::core::World;
use crate::error::Refusal;
use crate::state::repository::Repository;
use serde_json::Value;
use serde_json::json;

/// GitHub's pages hold this many items unless asked otherwise, and never more than the other.
const PAGE: usize = 30;
const LARGEST_PAGE: usize = 100;

/// A request whose caller is known and allowed.
pub(crate) struct Call {
    /// The path as sent, without `/api/v3`; for the links of pages.
    pub(crate) path: String,
    pub(crate) params: Vec<(String, String)>,
    pub(crate) query: Vec<(String, String)>,
    /// `null` when none was sent.
    pub(crate) body: Value,
    pub(crate) principal: Principal,
    /// The repository the path names, already found to be accessible.
    pub(crate) repository: Option<u64>,
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Option<Value>,
    pub(crate) headers: Vec<(&'static str, String)>,
}

impl Reply {
    pub(crate) fn json(status: u16, body: Value) -> Reply {
        Reply { status, body: Some(body), headers: Vec::new() }
    }

    pub(crate) fn empty(status: u16) -> Reply {
        Reply { status, body: None, headers: Vec::new() }
    }
}

impl Call {
    /// A path parameter; the description guarantees that it is there.
    pub(crate) fn param(&self, name: &str) -> &str {
        self.params.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str())
    }

    pub(crate) fn id(&self, name: &str) -> Result<u64, Refusal> {
        self.param(name).parse().map_err(|_| Refusal::not_found())
    }

    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        self.body.get(key).and_then(Value::as_str)
    }

    pub(crate) fn owned(&self, key: &str) -> Option<String> {
        self.text(key).map(ToOwned::to_owned)
    }

    pub(crate) fn flag(&self, key: &str) -> Option<bool> {
        self.body.get(key).and_then(Value::as_bool)
    }

    /// A text the operation cannot do without.
    pub(crate) fn wanted(&self, resource: &str, key: &str) -> Result<&str, Refusal> {
        self.text(key).ok_or_else(|| Refusal::invalid(resource, key, "missing_field"))
    }

    pub(crate) fn repository_id(&self) -> Result<u64, Refusal> {
        self.repository.ok_or_else(Refusal::not_found)
    }

    pub(crate) fn repository<'a>(&self, world: &'a World<'_>) -> Result<&'a Repository, Refusal> {
        world.repository(self.repository_id()?)
    }

    /// The calling installation's app.
    pub(crate) fn app(&self) -> Result<u64, Refusal> {
        match &self.principal {
            Principal::App(id) => Ok(*id),
            Principal::Installation { app, .. } => Ok(*app),
            Principal::Anonymous => Err(Refusal::new(401, "Requires authentication")),
        }
    }

    /// The account and app that do what is asked.
    pub(crate) fn actor(&self, world: &World<'_>) -> Result<Actor, Refusal> {
        let id = self.app()?;
        let app = world.state.apps.get(&id).ok_or_else(Refusal::not_found)?;
        Ok(Actor { user: app.bot, app: Some(id) })
    }

    /// A list, one page of it, with the `Link` header to the others.
    pub(crate) fn page(&self, world: &World<'_>, items: &[Value]) -> Reply {
        let (shown, link) = self.cut(world, items);
        let mut reply = Reply::json(200, json!(shown));
        reply.headers.extend(link.map(|link| ("link", link)));
        reply
    }

    /// As `page`, inside an object with the total.
    pub(crate) fn counted(&self, world: &World<'_>, key: &str, items: &[Value]) -> Reply {
        let (shown, link) = self.cut(world, items);
        let mut reply = Reply::json(200, json!({"total_count": items.len(), key: shown}));
        reply.headers.extend(link.map(|link| ("link", link)));
        reply
    }

    fn cut<'a>(&self, world: &World<'_>, items: &'a [Value]) -> (&'a [Value], Option<String>) {
        let number = |name: &str| self.query(name).and_then(|text| text.parse::<usize>().ok());
        let size = number("per_page").unwrap_or(PAGE).clamp(1, LARGEST_PAGE);
        let page = number("page").unwrap_or(1).max(1);
        let last = items.len().div_ceil(size).max(1);
        let begin = (page - 1).saturating_mul(size).min(items.len());
        let end = begin.saturating_add(size).min(items.len());
        let shown = items.get(begin..end).unwrap_or_default();
        let link = |to: usize, rel: &str| format!("<{}>; rel=\"{rel}\"", self.at_page(world, to));
        let mut links = Vec::new();
        if page > 1 {
            links.push(link(page - 1, "prev"));
        }
        if page < last {
            links.push(link(page + 1, "next"));
            links.push(link(last, "last"));
        }
        if page > 1 {
            links.push(link(1, "first"));
        }
        (shown, (!links.is_empty()).then(|| links.join(", ")))
    }

    fn at_page(&self, world: &World<'_>, page: usize) -> String {
        let others = self.query.iter().filter(|(key, _)| key != "page");
        let mut pairs: Vec<String> = others.map(|(key, value)| format!("{key}={}", encoded(value))).collect();
        pairs.push(format!("page={page}"));
        // GitHub's own links name the repository by its id.
        let path = match self.repository {
            Some(id) if self.path.starts_with("/repos/") => {
                let rest: Vec<&str> = self.path.splitn(5, '/').collect();
                let rest = rest.get(4).map_or(String::new(), |rest| format!("/{rest}"));
                format!("/repositories/{id}{rest}")
            }
            _ => self.path.clone(),
        };
        format!("{}?{}", world.api(&path), pairs.join("&"))
    }
}

/// Percent-encodes a query value.
pub(crate) fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let one = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(one).collect()
}
