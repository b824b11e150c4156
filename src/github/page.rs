//! Lists, page by page; every list has a bound, and says whether it was whole.

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::error::Error;
use super::token::Key;
use super::wire::{Ask, Wire};

/// Items of a page where each may hold a text of 65,536 characters; more would be too large an answer.
pub(super) const TEXTS: usize = 50;

/// The items of a list, as far as the bound.
pub(super) struct List<T> {
    pub(super) items: Vec<T>,
    /// Is nothing left out?
    pub(super) whole: bool,
    /// GitHub's clock when the last page was read.
    pub(super) date: Option<Timestamp>,
}

/// Which list, how far.
#[derive(Clone, Copy)]
pub(super) struct Of<'a> {
    /// For errors.
    pub(super) doing: &'a str,
    /// The first page, with its `per_page`.
    pub(super) path: &'a str,
    /// The key under which the items lie, where the answer is not itself the list.
    pub(super) under: Option<&'a str>,
    /// Pages at most.
    pub(super) pages: usize,
}

impl Wire {
    /// Reads a list. Following pages are asked for by path alone, wherever GitHub says that they are.
    pub(super) async fn list<T: DeserializeOwned>(&self, key: &Key, of: Of<'_>) -> Result<List<T>, Error> {
        let mut items = Vec::new();
        let (mut path, mut date) = (of.path.to_owned(), None);
        for _ in 0..of.pages {
            let mut answer = self.call(key, &Ask::get(of.doing, path)).await?;
            let page = match of.under {
                Some(name) => answer.body[name].take(),
                None => answer.body.take(),
            };
            let page: Vec<T> = read(of.doing, page)?;
            items.extend(page);
            date = answer.date.or(date);
            match answer.next {
                Some(next) => path = next,
                None => return Ok(List { items, whole: true, date }),
            }
        }
        Ok(List { items, whole: false, date })
    }
}

fn read<T: DeserializeOwned>(doing: &str, page: Value) -> Result<Vec<T>, Error> {
    serde_json::from_value(page).map_err(|source| Error::ours(doing, source))
}

/// A name in a path: every byte that is not plain is escaped, `/` too.
pub(super) fn escape(name: &str) -> String {
    let mut path = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.') {
            path.push(char::from(byte));
        } else {
            let digit = |value: u8| char::from(b"0123456789ABCDEF"[usize::from(value & 15)]);
            path.extend(['%', digit(byte >> 4), digit(byte)]);
        }
    }
    path
}
