//! Conditions over other schemas: all, any, one, not.

use serde_json::Value;

use crate::schema::check::Checker;
use crate::schema::node::{Logic, Node};

impl Checker<'_> {
    /// Checks a value by conditions. What one of several alternatives lacks is not told, since it need not be mended.
    pub(super) fn logic(&mut self, logic: &Logic, value: &Value, path: &str, depth: usize) {
        for node in &logic.all {
            self.value(node, value, path, depth);
        }
        if !logic.any.is_empty() && !logic.any.iter().any(|node| self.fits(node, value, depth)) {
            self.wrong(path, "fits none of the forms that it may have (anyOf)");
        }
        let fitting = logic.one.iter().filter(|node| self.fits(node, value, depth)).count();
        if !logic.one.is_empty() && fitting != 1 {
            let words =
                format!("must fit exactly one of {} forms (oneOf), and fits {fitting}", logic.one.len());
            self.wrong(path, &words);
        }
        if logic.not.as_ref().is_some_and(|node| self.fits(node, value, depth)) {
            self.wrong(path, "has a form that it may not have (not)");
        }
    }

    fn fits(&mut self, node: &Node, value: &Value, depth: usize) -> bool {
        let kept = std::mem::take(&mut self.mistakes);
        self.value(node, value, "", depth);
        let fits = self.mistakes.is_empty();
        self.mistakes = kept;
        fits
    }
}
