//! What a store holds, by the first letter of its keys.

use countersign::journal::{SledStore, StoreRead};
use std::collections::BTreeMap;
use std::path::Path;

/// Prints how many entries there are and how long they are, and how much of the disk they take.
pub fn show(dir: &Path) {
    let store = SledStore::open(&dir.join("store"), 64 << 20).unwrap();
    let mut kinds: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    let mut after: Option<Vec<u8>> = None;
    loop {
        let page = store.scan(b"", after.as_deref(), 1000).unwrap();
        let Some((last, _)) = page.last() else { break };
        after = Some(last.clone());
        for (key, value) in page {
            let text = String::from_utf8_lossy(&key);
            let kind = text.split([':', '/']).take(2).collect::<Vec<_>>().join("/");
            let kind = if kind.starts_with("e/") { "e".to_owned() } else { kind };
            let count = kinds.entry(kind).or_default();
            *count = (count.0 + 1, count.1 + (key.len() + value.len()) as u64);
        }
    }
    for (kind, (entries, bytes)) in &kinds {
        println!("{kind:12} {entries:9} entries {bytes:12} bytes");
    }
    println!("on disk {} bytes", store.bytes());
}
