//! The Markdown templates: compiled in, and overridden by a folder of the operator's.

use std::{fmt, path::Path};

use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, Error, UndefinedBehavior, Value};

use crate::model::fault::{Cause, Failure};

/// Every template by name, as compiled in.
const BUILTIN: &[(&str, &str)] = &[
    ("baseline.md", include_str!("../../templates/baseline.md")),
    ("broken.md", include_str!("../../templates/broken.md")),
    ("denied.md", include_str!("../../templates/denied.md")),
    ("ended.md", include_str!("../../templates/ended.md")),
    ("fault.md", include_str!("../../templates/fault.md")),
    ("help.md", include_str!("../../templates/help.md")),
    ("hooks.md", include_str!("../../templates/hooks.md")),
    ("matrix.md", include_str!("../../templates/matrix.md")),
    ("outcome.md", include_str!("../../templates/outcome.md")),
    ("preview.md", include_str!("../../templates/preview.md")),
    ("quiet.md", include_str!("../../templates/quiet.md")),
    ("refusal.md", include_str!("../../templates/refusal.md")),
    ("refused.md", include_str!("../../templates/refused.md")),
    ("reply.md", include_str!("../../templates/reply.md")),
    ("rest.md", include_str!("../../templates/rest.md")),
    ("section.md", include_str!("../../templates/section.md")),
    ("status.md", include_str!("../../templates/status.md")),
    ("summary.md", include_str!("../../templates/summary.md")),
    ("unseen.md", include_str!("../../templates/unseen.md")),
];
/// Instructions that one rendering may take: a page of 200 environments needs under 100,000.
const FUEL: u64 = 5_000_000;
/// The most bytes of one overriding template.
#[allow(dead_code, reason = "for `load`")]
const MAX_TEMPLATE: u64 = 256 << 10;

/// The templates, compiled.
pub(crate) struct Templates {
    environment: Environment<'static>,
}

impl Templates {
    /// Those that are compiled in.
    pub(crate) fn builtin() -> Result<Self, Failure> {
        let mut environment = Environment::new();
        environment.set_fuel(Some(FUEL));
        let syntax = SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .build()
            .map_err(|error| ours("syntax", error))?;
        environment.set_syntax(syntax);
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        // Markdown is no HTML: escaping is done where the values are made.
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        for (name, text) in BUILTIN {
            environment.add_template(name, text).map_err(|error| ours(name, error))?;
        }
        Ok(Self { environment })
    }

    /// Those that are compiled in, overridden by the files of the same names in `dir`. Each must compile, and a `.md`
    /// file of another name is refused: it would never be used.
    #[allow(dead_code, reason = "no setting names a folder of templates yet")]
    pub(crate) fn load(dir: &Path) -> Result<Self, Failure> {
        let mut templates = Self::builtin()?;
        let place = |what: &str| format!("cannot read {what} of the templates folder {}", dir.display());
        for entry in std::fs::read_dir(dir).map_err(|error| Failure::ours(place("the list"), error))? {
            let entry = entry.map_err(|error| Failure::ours(place("an entry"), error))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if Path::new(&name).extension().is_none_or(|end| end != "md") {
                continue;
            }
            if !BUILTIN.iter().any(|(known, _)| *known == name) {
                let known: Vec<&str> = BUILTIN.iter().map(|(known, _)| *known).collect();
                return Err(Failure::Ours(Cause::plain(format!(
                    "{} overrides no template; there are {}",
                    entry.path().display(),
                    known.join(", ")
                ))));
            }
            let size = entry.metadata().map_err(|error| Failure::ours(place(&name), error))?.len();
            if size > MAX_TEMPLATE {
                let words =
                    format!("{} has {size} bytes; {MAX_TEMPLATE} are allowed", entry.path().display());
                return Err(Failure::Ours(Cause::plain(words)));
            }
            let text =
                std::fs::read_to_string(entry.path()).map_err(|error| Failure::ours(place(&name), error))?;
            templates
                .environment
                .add_template_owned(name.clone(), text)
                .map_err(|error| ours(&entry.path().display().to_string(), error))?;
        }
        Ok(templates)
    }

    /// One template laid out with its values; without blank lines at its ends.
    pub(crate) fn render(&self, name: &str, values: Value) -> Result<String, Failure> {
        let text = self
            .environment
            .get_template(name)
            .and_then(|template| template.render(values))
            .map_err(|error| ours(name, error))?;
        Ok(text.trim_matches('\n').to_owned())
    }
}

impl fmt::Debug for Templates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Templates").finish_non_exhaustive()
    }
}

fn ours(name: &str, error: Error) -> Failure {
    let line = error.line().map_or_else(String::new, |line| format!(" at line {line}"));
    Failure::ours(format!("the template {name} does not work{line}"), error)
}
