//! Live objects: one LIST where many of a kind are asked for, a GET each otherwise.

use std::collections::{BTreeMap, HashMap};

use futures_util::StreamExt;
use serde_json::Value;

use crate::cluster::FLIGHT;
use crate::cluster::address::Address;
use crate::cluster::error::Error;
use crate::cluster::kinds::{Served, escape};
use crate::cluster::look::verdict::silent_webhook;
use crate::cluster::wire::{Call, PAGE, Trouble, Wire};
use crate::model::object::ObjectId;

/// From how many objects of a kind and namespace on one LIST is cheaper than a GET each.
const HANDFUL: usize = 6;
/// A LIST is given up for GETs when more than this many objects per wanted one remain to be read.
const CROWD: u64 = 40;

/// What lies at one place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Found {
    /// This.
    Live(Value),
    /// Nothing.
    Absent,
    /// It may not be seen: the server's words.
    Hidden(String),
}

/// Looks at every place, [`FLIGHT`] requests at a time.
pub(crate) async fn lives(wire: &Wire, places: &[Address]) -> Result<HashMap<ObjectId, Found>, Error> {
    let mut groups: BTreeMap<String, Vec<&Address>> = BTreeMap::new();
    for place in places.iter().filter(|place| !place.id.name.ends_with('*')) {
        groups.entry(place.served.all(place.namespace.as_deref())).or_default().push(place);
    }
    let mut lists = Vec::new();
    let mut singles = Vec::new();
    for (path, places) in groups {
        if places.len() >= HANDFUL {
            lists.push(list(wire, path, places));
        } else {
            singles.extend(places);
        }
    }
    let mut found = HashMap::with_capacity(places.len());
    let mut listing = futures_util::stream::iter(lists).buffer_unordered(FLIGHT);
    while let Some(result) = listing.next().await {
        let (listed, left) = result?;
        found.extend(listed);
        singles.extend(left);
    }
    let gets: Vec<_> = singles.into_iter().map(|place| single(wire, place)).collect();
    let mut getting = futures_util::stream::iter(gets).buffer_unordered(FLIGHT);
    while let Some(result) = getting.next().await {
        let (id, one) = result?;
        found.insert(id, one);
    }
    Ok(found)
}

/// One object.
pub(crate) async fn single(wire: &Wire, place: &Address) -> Result<(ObjectId, Found), Error> {
    let call = Call::get(format!("get {}", place.id), place.path());
    let found = match wire.call(&call).await {
        Ok(answer) => Found::Live(answer.body),
        Err(Trouble::Refused(refusal)) if refusal.is_missing() => Found::Absent,
        Err(Trouble::Refused(refusal))
            if refusal.code == 403 || silent_webhook(&refusal.message).is_some() =>
        {
            Found::Hidden(refusal.message)
        }
        Err(trouble) => return Err(wire.error(&call.doing, trouble)),
    };
    Ok((place.id.clone(), found))
}

type Listed<'a> = (Vec<(ObjectId, Found)>, Vec<&'a Address>);

/// All of a kind in a namespace, page by page; places are handed back for GETs when the crowd is too large, or when
/// listing is not allowed and getting may be.
async fn list<'a>(wire: &Wire, path: String, places: Vec<&'a Address>) -> Result<Listed<'a>, Error> {
    let mut wanted: HashMap<&str, &Address> =
        places.iter().map(|place| (place.id.name.as_str(), *place)).collect();
    let mut found = Vec::with_capacity(places.len());
    let mut proceed = String::new();
    while !wanted.is_empty() {
        let query =
            if proceed.is_empty() { String::new() } else { format!("&continue={}", escape(&proceed)) };
        let call = Call::get(format!("list {path}"), format!("{path}?limit={PAGE}{query}"));
        let mut page = match wire.call(&call).await {
            Ok(answer) => answer.body,
            // A page that took too long is gone (410): what is missing is fetched one by one.
            Err(Trouble::Refused(refusal))
                if matches!(refusal.code, 403 | 404 | 405 | 410)
                    || silent_webhook(&refusal.message).is_some() =>
            {
                return Ok((found, wanted.into_values().collect()));
            }
            Err(trouble) => return Err(wire.error(&call.doing, trouble)),
        };
        for item in page.get_mut("items").and_then(Value::as_array_mut).into_iter().flatten() {
            let name = item.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
            let Some(place) = wanted.remove(name) else { continue };
            let item = complete(item.take(), &place.served, &place.id.kind);
            found.push((place.id.clone(), Found::Live(item)));
        }
        page.pointer("/metadata/continue")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .clone_into(&mut proceed);
        let left = page.pointer("/metadata/remainingItemCount").and_then(Value::as_u64).unwrap_or(0);
        if proceed.is_empty() {
            found.extend(wanted.drain().map(|(_, place)| (place.id.clone(), Found::Absent)));
        } else if left > CROWD * wanted.len() as u64 {
            return Ok((found, wanted.into_values().collect()));
        }
    }
    Ok((found, Vec::new()))
}

/// Items of a list do not say what they are.
fn complete(item: Value, served: &Served, kind: &str) -> Value {
    let Value::Object(rest) = item else { return item };
    let mut whole = serde_json::Map::with_capacity(rest.len() + 2);
    whole.insert("apiVersion".to_owned(), served.api_version().into());
    whole.insert("kind".to_owned(), kind.into());
    whole.extend(rest);
    Value::Object(whole)
}
