//! What the terminal shows: scenes, what happens, comments as they read. Plain lines where it is no terminal.

mod markdown;
mod paint;

use std::io::{IsTerminal as _, Stdout, Write as _};
use std::time::Duration;

use github_emulator::Delivery;

use crate::config;
use crate::demo::Halt;
use crate::demo::tell::paint::Paint;
use crate::terminal::harmless;

/// The pause before each scene, so that a person can read along.
const PAUSE: Duration = Duration::from_millis(600);

/// The teller.
#[derive(Debug)]
pub(super) struct Tell {
    out: Stdout,
    paint: Paint,
    pause: bool,
    scene: usize,
    /// The newest delivery that was told.
    delivered: u64,
}

impl Tell {
    /// With colours if standard output is a terminal that wants them; pauses only in a terminal.
    pub(super) fn new(pause: bool) -> Self {
        let terminal = std::io::stdout().is_terminal();
        let paint = Paint::new(terminal && config::colour());
        Self { out: std::io::stdout(), paint, pause: pause && terminal, scene: 0, delivered: 0 }
    }

    /// The first lines.
    pub(super) fn opening(&self) {
        self.line(&self.paint.bold("tidegate demo"));
        self.line(&self.paint.dim(
            "GitHub is emulated and held to its published description; Git, the webhooks, rendering and Tidegate are real.",
        ));
        self.line("");
    }

    /// A new scene: a number and who does what.
    pub(super) async fn scene(&mut self, words: &str) {
        self.scene += 1;
        if self.pause {
            tokio::time::sleep(PAUSE).await;
        }
        let number = self.paint.bold(&format!("{}.", self.scene));
        self.line(&format!("\n{number} {}", self.paint.bold(words)));
    }

    /// Something that happened.
    pub(super) fn happened(&self, words: &str) {
        self.line(&format!("   {} {words}", self.paint.blue("→")));
    }

    /// A fact that was looked at and held.
    pub(super) fn held(&self, words: &str) {
        self.line(&format!("   {} {words}", self.paint.green("✓")));
    }

    /// What GitHub delivered since this was last told.
    pub(super) fn delivered(&mut self, deliveries: &[Delivery]) {
        let new: Vec<&Delivery> = deliveries.iter().filter(|one| one.id > self.delivered).collect();
        self.delivered = new.iter().map(|one| one.id).max().unwrap_or(self.delivered);
        let mut words: Vec<(String, usize)> = Vec::new();
        for one in new {
            let action = one.action.as_deref().map(|action| format!(".{action}")).unwrap_or_default();
            let word = format!("{}{action} {}", one.event, one.status);
            match words.iter_mut().find(|(known, _)| *known == word) {
                Some((_, count)) => *count += 1,
                None => words.push((word, 1)),
            }
        }
        if words.is_empty() {
            return;
        }
        let words: Vec<String> = words
            .into_iter()
            .map(|(word, count)| if count == 1 { word } else { format!("{word} ×{count}") })
            .collect();
        self.line(&format!(
            "   {} {}",
            self.paint.blue("→"),
            self.paint.dim(&format!("GitHub delivered: {}", words.join(", ")))
        ));
    }

    /// A comment as it reads: who wrote it, and its Markdown.
    pub(super) fn comment(&self, author: &str, body: &str) {
        let edge = self.paint.dim("│");
        self.line(&format!("   {}", self.paint.dim(&format!("╭─ {author} comments"))));
        for line in markdown::lines(body, self.paint) {
            self.line(format!("   {edge} {line}").trim_end());
        }
        self.line(&format!("   {}", self.paint.dim("╰─")));
    }

    /// Lines of text as they stand, such as a file.
    pub(super) fn lines(&self, title: &str, text: &str) {
        self.line(&format!("   {}", self.paint.dim(title)));
        for line in text.lines() {
            self.line(format!("     {}", harmless(line)).trim_end());
        }
    }

    /// The end of the story.
    pub(super) fn ending(&self, words: &str) {
        self.line(&format!("\n{} {}", self.paint.green("✓"), self.paint.bold(words)));
    }

    /// What did not hold, with the state in which it was found.
    pub(super) fn broke(&self, words: &str, evidence: &[String]) {
        self.line(&format!("\n{} {}", self.paint.red("✗"), self.paint.bold(&harmless(words))));
        for line in evidence {
            self.line(&format!("  {}", harmless(line)));
        }
    }

    /// One line. A closed pipe is no fault: whoever read has seen enough.
    pub(super) fn line(&self, text: &str) {
        let mut stdout = self.out.lock();
        drop(writeln!(stdout, "{text}").and_then(|()| stdout.flush()));
    }

    /// Runs something slow, and says so before it begins.
    pub(super) async fn slow<T>(
        &self,
        words: &str,
        work: impl Future<Output = Result<T, Halt>>,
    ) -> Result<T, Halt> {
        self.line(&self.paint.dim(&format!("{words} …")));
        work.await
    }
}
