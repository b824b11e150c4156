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
        if !logic.any.is_empty()
            && self.sure(|checker| !logic.any.iter().any(|node| checker.fits(node, value, depth)))
                == Some(true)
        {
            self.wrong(path, "fits none of the forms that it may have (anyOf)");
        }
        let fitting =
            self.sure(|checker| logic.one.iter().filter(|node| checker.fits(node, value, depth)).count());
        if let Some(fitting) = fitting.filter(|fitting| *fitting != 1 && !logic.one.is_empty()) {
            let words =
                format!("must fit exactly one of {} forms (oneOf), and fits {fitting}", logic.one.len());
            self.wrong(path, &words);
        }
        let not = logic.not.as_ref();
        if not.is_some_and(|node| self.sure(|checker| checker.fits(node, value, depth)) == Some(true)) {
            self.wrong(path, "has a form that it may not have (not)");
        }
    }

    /// An answer that nothing unchecked has a part in.
    fn sure<T>(&mut self, ask: impl FnOnce(&mut Self) -> T) -> Option<T> {
        let before = std::mem::take(&mut self.part);
        let answer = ask(self);
        let sure = !self.part;
        self.part |= before;
        sure.then_some(answer)
    }

    fn fits(&mut self, node: &Node, value: &Value, depth: usize) -> bool {
        let kept = std::mem::take(&mut self.mistakes);
        self.value(node, value, "", depth);
        let fits = self.mistakes.is_empty();
        self.mistakes = kept;
        fits
    }
}
