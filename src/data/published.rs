//! The sets that `allometry data get` downloads: the addresses and the digests of their files.

use crate::cache;
use std::path::PathBuf;

/// A set whose files can be downloaded.
#[derive(Debug, Clone, Copy)]
pub struct PublishedSet {
    /// Its name, as in [`DataOptions::dataset`](super::DataOptions::dataset).
    pub name: &'static str,
    /// Other data sets that read the same files.
    pub also: &'static [&'static str],
    /// Addresses of folders with all of its files, in the order in which they are tried.
    pub mirrors: &'static [&'static str],
    /// Its files.
    pub files: &'static [PublishedFile],
}

/// A file as its publisher has it.
#[derive(Debug, Clone, Copy)]
pub struct PublishedFile {
    /// Its name, without a folder.
    pub name: &'static str,
    /// Its MD5 in hexadecimal digits, as the publisher gives it.
    pub md5: &'static str,
    /// The files in this tar archive that the reader of the set reads, without their folders. None for a file that is
    /// read as it is.
    pub members: &'static [&'static str],
}

/// A file that is read as it is.
const fn file(name: &'static str, md5: &'static str) -> PublishedFile {
    PublishedFile { name, md5, members: &[] }
}

/// Every set that can be downloaded.
pub const PUBLISHED: &[PublishedSet] = &[
    PublishedSet {
        name: "mnist",
        also: &[],
        mirrors: &[
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
            "http://yann.lecun.com/exdb/mnist/",
        ],
        files: &[
            file("train-images-idx3-ubyte.gz", "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
            file("train-labels-idx1-ubyte.gz", "d53e105ee54ea40749a09fcbcd1e9432"),
            file("t10k-images-idx3-ubyte.gz", "9fb629c4189551a2d022fa330f9573f3"),
            file("t10k-labels-idx1-ubyte.gz", "ec29112dd5afa0611ce80d1b7f02629c"),
        ],
    },
    PublishedSet {
        name: "fashion-mnist",
        also: &[],
        mirrors: &[
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        ],
        files: &[
            file("train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
            file("train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe"),
            file("t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79"),
            file("t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310"),
        ],
    },
    PublishedSet {
        name: "cifar10",
        also: &[],
        mirrors: &["https://www.cs.toronto.edu/~kriz/"],
        files: &[PublishedFile {
            name: "cifar-10-binary.tar.gz",
            md5: "c32a1d4ab5d03f1284b67883e8d87530",
            members: &[
                "data_batch_1.bin",
                "data_batch_2.bin",
                "data_batch_3.bin",
                "data_batch_4.bin",
                "data_batch_5.bin",
                "test_batch.bin",
                "batches.meta.txt",
            ],
        }],
    },
    PublishedSet {
        name: "cifar100",
        also: &["cifar100-coarse"],
        mirrors: &["https://www.cs.toronto.edu/~kriz/"],
        files: &[PublishedFile {
            name: "cifar-100-binary.tar.gz",
            md5: "03b5dce01913d631647c71ecec9e9cb8",
            members: &["train.bin", "test.bin", "fine_label_names.txt", "coarse_label_names.txt"],
        }],
    },
    PublishedSet {
        name: "omniglot",
        also: &[],
        mirrors: &[
            "https://raw.githubusercontent.com/brendenlake/omniglot/master/python/",
            "https://github.com/brendenlake/omniglot/raw/master/python/",
        ],
        files: &[
            file("images_background.zip", "68d2efa1b9178cc56df9314c21c6e718"),
            file("images_evaluation.zip", "6b91aef0f799c5bb55b94e3f2daec811"),
        ],
    },
];

/// The set that a data set reads, if it can be downloaded.
pub fn published(dataset: &str) -> Option<&'static PublishedSet> {
    PUBLISHED.iter().find(|set| set.name == dataset || set.also.contains(&dataset))
}

impl PublishedSet {
    /// The folder that the set is downloaded to and read from: `data/NAME` in the [cache folder](cache::folder). `None`
    /// if there is no cache folder.
    pub fn folder(&self) -> Option<PathBuf> {
        Some(self.folder_in(cache::folder()?))
    }

    /// The same in a given cache folder.
    pub(super) fn folder_in(&self, cache: PathBuf) -> PathBuf {
        cache.join("data").join(self.name)
    }

    /// The command that downloads the set.
    pub fn command(&self) -> String {
        format!("allometry data get {}", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_whole_and_addresses_are_folders() {
        for set in PUBLISHED {
            assert!(!set.mirrors.is_empty() && !set.files.is_empty(), "{}", set.name);
            for mirror in set.mirrors {
                assert!(mirror.starts_with("http") && mirror.ends_with('/'), "{mirror}");
            }
            for file in set.files {
                let digits = file.md5.chars().filter(|c| matches!(c, '0'..='9' | 'a'..='f')).count();
                assert_eq!((digits, file.md5.len()), (32, 32), "{}", file.name);
                assert_eq!(file.name.ends_with(".tar.gz"), !file.members.is_empty(), "{}", file.name);
            }
        }
    }
}
