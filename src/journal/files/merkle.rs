//! The Merkle tree of RFC 6962 section 2.1 over all entries, of which only the frontier is kept.

use crate::domain::ids::Hash;
use aws_lc_rs::digest::{Context, SHA256, digest};

/// The hash of a leaf: SHA-256 of a zero byte and the entry's bytes.
pub fn leaf_hash(entry: &[u8]) -> Hash {
    hash_parts(&[&[0], entry])
}

/// The hash of an inner node: SHA-256 of a one byte and the hashes of its two children.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    hash_parts(&[&[1], &left.0, &right.0])
}

/// SHA-256 of plain bytes, no leaf and no node.
pub fn sha256(bytes: &[u8]) -> Hash {
    to_hash(digest(&SHA256, bytes))
}

fn hash_parts(parts: &[&[u8]]) -> Hash {
    let mut context = Context::new(&SHA256);
    parts.iter().for_each(|part| context.update(part));
    to_hash(context.finish())
}

/// SHA-256 of bytes that come piece by piece.
#[derive(Clone)]
pub struct Sha256(Context);

impl Default for Sha256 {
    fn default() -> Self {
        Self(Context::new(&SHA256))
    }
}

impl Sha256 {
    /// Takes the next piece.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest.
    pub fn finish(self) -> Hash {
        to_hash(self.0.finish())
    }
}

/// The 32 bytes of a finished SHA-256.
fn to_hash(digest: aws_lc_rs::digest::Digest) -> Hash {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest.as_ref());
    Hash(hash)
}

/// The right edge of a tree: the roots of its perfect subtrees, largest first. It is all that is needed to add a leaf
/// and to tell the root, and holds at most 64 hashes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    hashes: Vec<Hash>,
}

impl Frontier {
    /// A frontier as it was stored. `None` if the number of hashes is not the one a tree of `size` leaves has.
    pub fn from_parts(size: u64, hashes: Vec<Hash>) -> Option<Self> {
        (hashes.len() == size.count_ones() as usize).then_some(Self { size, hashes })
    }

    /// The same from hashes in hexadecimal, as they stand in files.
    pub fn from_texts(size: u64, texts: &[String]) -> Option<Self> {
        let hashes = texts.iter().map(|text| text.parse().ok()).collect::<Option<_>>()?;
        Self::from_parts(size, hashes)
    }

    /// Its hashes in hexadecimal.
    pub fn texts(&self) -> Vec<String> {
        self.hashes.iter().map(Hash::to_string).collect()
    }

    /// How many leaves the tree has.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The roots of the perfect subtrees, largest first.
    pub fn hashes(&self) -> &[Hash] {
        &self.hashes
    }

    /// Adds a leaf, given its [`leaf_hash`].
    pub fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        // Each trailing one bit of the size is a subtree as large as the one just grown: the two become one.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.hashes.pop() {
                hash = node_hash(&left, &hash);
            }
        }
        self.hashes.push(hash);
        self.size += 1;
    }

    /// The root of the tree; that of the empty tree is the SHA-256 of nothing.
    pub fn root(&self) -> Hash {
        let fold = |right: Hash, left: &Hash| node_hash(left, &right);
        match self.hashes.split_last() {
            None => sha256(b""),
            Some((last, before)) => before.iter().rev().fold(*last, fold),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition in RFC 6962 section 2.1, word for word.
    fn naive_root(entries: &[Vec<u8>]) -> Hash {
        match entries {
            [] => sha256(b""),
            [entry] => leaf_hash(entry),
            _ => {
                let split = entries.len().next_power_of_two() / 2;
                node_hash(&naive_root(&entries[..split]), &naive_root(&entries[split..]))
            }
        }
    }

    #[test]
    fn roots_are_those_of_the_certificate_transparency_reference() {
        let leaves: [&[u8]; 8] = [
            b"",
            b"\x00",
            b"\x10",
            b"\x20\x21",
            b"\x30\x31",
            b"\x40\x41\x42\x43",
            b"\x50\x51\x52\x53\x54\x55\x56\x57",
            b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
        ];
        let roots = [
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        let mut frontier = Frontier::default();
        for (size, root) in roots.into_iter().enumerate() {
            assert_eq!(frontier.root().to_string(), root, "{size} leaves");
            if let Some(leaf) = leaves.get(size) {
                frontier.push(leaf_hash(leaf));
            }
        }
    }

    #[test]
    fn a_frontier_with_a_wrong_number_of_hashes_is_none() {
        assert!(Frontier::from_parts(5, vec![Hash([1; 32]); 2]).is_some());
        assert!(Frontier::from_parts(5, vec![Hash([1; 32]); 3]).is_none());
    }

    proptest! {
        #[test]
        fn the_frontier_agrees_with_the_definition(entries in prop::collection::vec(any::<Vec<u8>>(), 0..70)) {
            let mut frontier = Frontier::default();
            entries.iter().for_each(|entry| frontier.push(leaf_hash(entry)));
            prop_assert_eq!(frontier.size(), entries.len() as u64);
            prop_assert_eq!(frontier.root(), naive_root(&entries));
            prop_assert_eq!(Frontier::from_parts(frontier.size(), frontier.hashes().to_vec()), Some(frontier));
        }
    }
}
