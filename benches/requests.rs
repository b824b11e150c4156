//! How many server-side applies the API server has counted.

use kube::Client;

use crate::Done;

/// Applies so far: dry runs, and those that write.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Applies {
    /// Dry runs.
    pub(crate) dry: f64,
    /// Those that may change something.
    pub(crate) real: f64,
}

impl Applies {
    /// Asks the API server.
    pub(crate) async fn counted(client: &Client) -> Done<Self> {
        let text = client.request_text(http::Request::get("/metrics").body(Vec::new())?).await?;
        let mut applies = Self::default();
        let lines = text.lines().filter(|line| line.starts_with("apiserver_request_total{"));
        for line in lines.filter(|line| line.contains("verb=\"APPLY\"")) {
            let count: f64 = line.rsplit(' ').next().unwrap_or_default().parse()?;
            if line.contains("dry_run=\"All\"") {
                applies.dry += count;
            } else {
                applies.real += count;
            }
        }
        Ok(applies)
    }

    /// Those since `before`.
    pub(crate) fn since(self, before: Self) -> Self {
        Self { dry: self.dry - before.dry, real: self.real - before.real }
    }
}
