//! What is encrypted with SOPS, which nothing here decrypts: told of the file that holds it.

use crate::model::fault::Fault;
use crate::yaml::{self, Node};

/// The key beneath which SOPS keeps what it needs to decrypt.
const KEY: &str = "sops";
/// What an encrypted object is told.
pub(super) const OBJECT: &str = "the object is encrypted with SOPS";
/// What to do about it.
pub(super) const HINT: &str = "Tidegate does not decrypt: use a controller that decrypts in the cluster, such as Sealed Secrets or External Secrets";

/// The metadata of SOPS in an object, if it is encrypted.
pub(super) fn sealed(object: &Node) -> Option<&Node> {
    object.get(KEY)
}

/// The faults of the encrypted objects among the documents of a file.
pub(super) fn faults(file: &str, documents: &[yaml::Document]) -> Vec<Fault> {
    let nodes = documents.iter().filter_map(|document| sealed(&document.root));
    nodes.map(|node| Fault::new(OBJECT).hint(HINT).file(file).at(node.line, node.column)).collect()
}

/// A fault if these values are encrypted. A chart may have a value of that name, but none with the checksum beneath it.
pub(super) fn values(file: &str, text: &[u8], limits: &yaml::Limits) -> Result<(), Fault> {
    // What is no YAML is told of by whoever renders with it.
    let documents = yaml::read(text, limits).unwrap_or_default();
    let found = documents.iter().filter_map(|document| sealed(&document.root));
    match found.into_iter().find(|node| node.get("mac").is_some()) {
        None => Ok(()),
        Some(node) => Err(Fault::new("the values are encrypted with SOPS")
            .hint("Tidegate does not decrypt: keep secrets out of values, and refer to a Secret that is made in the cluster")
            .file(file)
            .at(node.line, node.column)),
    }
}
