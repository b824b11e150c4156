//! One hostile input: what it is made of, and what must come of it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::hostile::place::{FILE, Files, Mode, Place, VARIABLE};
use crate::hostile::watch::Seen;

/// The longest that any of them may take.
const TIME: Duration = Duration::from_secs(65);
/// The most memory that all processes of one may hold together.
const MEMORY: u64 = 3 << 29;
/// The most that is said of it.
const WORDS: usize = 256 << 10;

/// An input and its end.
pub(super) struct Case {
    files: Files,
    odd: Vec<(Mode, &'static [u8], Vec<u8>)>,
    settings: Option<String>,
    sources: String,
    config: Value,
    words: Vec<&'static str>,
    code: i32,
    told: Vec<String>,
    untold: Vec<String>,
    whole: bool,
}

/// It is refused, and these words are said.
pub(super) fn refused(told: &[&str]) -> Case {
    Case { code: 1, ..rendered(told) }
}

/// It is rendered, and these words stand in what it gives or in a warning. Of words with ` or ` between them one is enough: on
/// a slow machine a run may reach its time before its memory.
pub(super) fn rendered(told: &[&str]) -> Case {
    Case {
        files: Files::new(),
        odd: Vec::new(),
        settings: None,
        sources: "[{path: h}]".to_owned(),
        config: json!({}),
        words: vec!["render", "hostile"],
        code: 0,
        told: told.iter().map(|told| (*told).to_owned()).collect(),
        untold: Vec::new(),
        whole: false,
    }
}

impl Case {
    pub(super) fn file(self, path: impl AsRef<[u8]>, content: impl Into<Vec<u8>>) -> Self {
        self.entry(Mode::File, path.as_ref(), content.into())
    }

    pub(super) fn link(self, path: &str, to: &str) -> Self {
        self.entry(Mode::Link, path.as_bytes(), to.into())
    }

    fn entry(mut self, mode: Mode, path: &[u8], content: Vec<u8>) -> Self {
        self.files.insert(path.to_owned(), (mode, content));
        self
    }

    /// An entry of the folder `odd`, made so that Git looks at its name nowhere.
    pub(super) fn odd(mut self, mode: Mode, name: &'static [u8], content: impl Into<Vec<u8>>) -> Self {
        self.odd.push((mode, name, content.into()));
        self.sources("[{path: h}, {path: odd}]")
    }

    /// The chart `h` with one template.
    pub(super) fn chart(self, template: &str) -> Self {
        self.file("h/Chart.yaml", CHART).file("h/templates/x.yaml", template)
    }

    pub(super) fn sources(self, sources: &str) -> Self {
        Self { sources: sources.to_owned(), ..self }
    }

    /// The whole of the repository's own file.
    pub(super) fn settings(self, settings: impl Into<String>) -> Self {
        Self { settings: Some(settings.into()), ..self.all() }
    }

    pub(super) fn config(self, config: Value) -> Self {
        Self { config, ..self }
    }

    pub(super) fn untold(mut self, word: &str) -> Self {
        self.untold.push(word.to_owned());
        self
    }

    /// Nothing of this repository can be rendered: the next job is another one's.
    pub(super) fn all(self) -> Self {
        Self { whole: true, ..self }
    }

    /// Of what a form gives only these.
    pub(super) fn only(self, told: &[&str]) -> Self {
        Self { told: told.iter().map(|told| (*told).to_owned()).collect(), ..self }
    }

    fn commit(&mut self) {
        let settings = self.settings.take().unwrap_or_else(|| {
            format!(
                "version: 1\nenvironments:\n  hostile:\n    sources: {}\n  good:\n    sources: [{{path: good}}]\n",
                self.sources
            )
        });
        self.files.entry(b".tidegate.yaml".to_vec()).or_insert((Mode::File, settings.into_bytes()));
        self.files.extend(good());
    }

    /// Runs it, and the next job; what was seen, and what was wrong.
    pub(super) fn run(mut self, place: &Place) -> (Seen, Vec<String>) {
        self.commit();
        let odd: Vec<_> = self.odd.iter().map(|(mode, name, text)| (*mode, *name, text.as_slice())).collect();
        let repository = place.repository("hostile", &self.files, &odd);
        let seen = place.run(&self.words, &repository, &self.config);
        let mut wrong = self.judge(&seen);
        let litter = place.litter();
        if !litter.is_empty() {
            wrong.push(format!("it left {litter:?}"));
        }
        let next = if self.whole {
            let mut files = good();
            let settings = "version: 1\nenvironments: {good: {sources: [{path: good}]}}\n";
            files.insert(b".tidegate.yaml".to_vec(), (Mode::File, settings.into()));
            place.repository("next", &files, &[])
        } else {
            repository
        };
        let next = place.run(&["render", "good"], &next, &self.config);
        if next.ran.code != Some(0) || !next.ran.out.contains("name: ordinary") {
            wrong.push(format!("the next job did not render: {:?}", next.ran));
        }
        (seen, wrong)
    }

    fn judge(&self, seen: &Seen) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut check = |fine: bool, what: String| {
            if !fine {
                wrong.push(what);
            }
        };
        let Seen { ran, time, memory, left, .. } = seen;
        check(*time < TIME, format!("it took {time:?}"));
        check(*memory < MEMORY, format!("it took {} MiB", memory >> 20));
        check(left.is_empty(), format!("alive afterwards: {left:?}"));
        check(ran.code == Some(self.code), format!("it ended with {:?}", ran.code));
        check(ran.err.len() < WORDS, format!("it said {} bytes", ran.err.len()));
        let said = [ran.out.as_str(), ran.err.as_str()].concat();
        for told in &self.told {
            check(told.split(" or ").any(|told| said.contains(told)), format!("it did not say {told:?}"));
        }
        let ours = Place::ours();
        let secret = [FILE, VARIABLE].into_iter().chain(ours).chain(self.untold.iter().map(String::as_str));
        for word in secret {
            check(!said.contains(word), format!("it said {word:?}"));
        }
        let control = |c: &char| c.is_control() && *c != '\n';
        check(!ran.err.chars().any(|c| control(&c)), "control characters in what it says".to_owned());
        if self.code != 0 {
            check(ran.out.is_empty(), "something was printed although it is not whole".to_owned());
        }
        if !wrong.is_empty() {
            let cut = |text: &str| text.chars().take(1_500).collect::<String>();
            wrong.push(format!("standard output: {}\nstandard error: {}", cut(&ran.out), cut(&ran.err)));
        }
        wrong
    }
}

/// A chart's own file.
pub(super) const CHART: &str = "apiVersion: v2\nname: h\nversion: 1.0.0\n";

/// So many lines, or other pieces of text.
pub(super) fn lines(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).map(line).collect::<Vec<_>>().concat()
}

/// A `ConfigMap` of this name.
pub(super) fn map(name: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n")
}

/// An ordinary app, rendered by a real program.
fn good() -> Files {
    let file = |path: &str, text: String| (path.as_bytes().to_vec(), (Mode::File, text.into_bytes()));
    [
        file("good/kustomization.yaml", "resources: [m.yaml]\n".to_owned()),
        file("good/m.yaml", map("ordinary")),
    ]
    .into()
}
