//! Tar archives of plain files in folders, as database programs write them: the walk from file to file, for checks that hold
//! each against something. Links, devices and names that lead out of the folder are refused.

use super::super::CheckFacts;
use super::super::walk::{Format, Walker, Want};
use super::header::{BLOCK, Header, padded};

/// A check of the files in an archive, one after the other.
pub(in super::super) trait Files: Send {
    /// A file begins.
    fn begin(&mut self, name: &str, size: u64) -> Result<(), String>;

    /// The next bytes of that file.
    fn content(&mut self, bytes: &[u8]);

    /// That file has passed.
    fn end(&mut self) -> Result<(), String>;

    /// Returns what is read just now, for the message that the stream ended in it.
    fn part(&self) -> &'static str;

    /// Returns what the whole told, or what is wrong with it.
    fn finish(self) -> Result<CheckFacts, String>;
}

/// Begins the walk through one archive.
pub(in super::super) fn walk_files<F: Files>(files: F) -> Walker<impl Format> {
    let reading = Reading::Header;
    let (name, size) = (String::new(), 0);
    let archive = PlainTar {
        reading,
        name,
        size,
        files,
    };
    Walker::new(archive, Want::Take(BLOCK))
}

/// What is read next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    Header,
    Content,
    Padding,
    SecondZeroBlock,
    End,
}

struct PlainTar<F> {
    reading: Reading,
    name: String,
    size: u64,
    files: F,
}

impl<F: Files> PlainTar<F> {
    fn header(&mut self, block: &[u8]) -> Result<Want, String> {
        let Some(header) = Header::parse(block)? else {
            self.reading = Reading::SecondZeroBlock;
            return Ok(Want::Take(BLOCK));
        };
        self.name = name_of(block)?;
        let shown = self.name.escape_debug();
        match header.kind {
            b'0' | 0 => {}
            b'5' if header.size == 0 => return Ok(Want::Take(BLOCK)),
            b'1' | b'2' => return Err(format!("`{shown}` is a link")),
            kind => return Err(format!("`{shown}` is of the type {}", kind.escape_ascii())),
        }
        self.size = header.size;
        self.files.begin(&self.name, self.size)?;
        self.reading = Reading::Content;
        Ok(Want::Skip(header.size))
    }
}

impl<F: Files> Format for PlainTar<F> {
    fn step(&mut self, taken: &[u8]) -> Result<Want, String> {
        match self.reading {
            Reading::Header => self.header(taken),
            Reading::Content => {
                self.files.end()?;
                self.reading = Reading::Padding;
                Ok(Want::Skip(padded(self.size)? - self.size))
            }
            Reading::Padding => {
                self.reading = Reading::Header;
                Ok(Want::Take(BLOCK))
            }
            Reading::SecondZeroBlock => {
                if taken.iter().any(|byte| *byte != 0) {
                    return Err("a lone block of zeros stands before a member".to_owned());
                }
                self.reading = Reading::End;
                Ok(Want::Zeros)
            }
            Reading::End => Ok(Want::Zeros),
        }
    }

    fn passing(&mut self, content: &[u8]) {
        if self.reading == Reading::Content {
            self.files.content(content);
        }
    }

    fn part(&self) -> &'static str {
        match self.reading {
            Reading::Header => "the header of a file, without the two blocks of zeros that end it",
            Reading::Content | Reading::Padding => self.files.part(),
            Reading::SecondZeroBlock | Reading::End => "the two blocks of zeros that end it",
        }
    }

    fn finish(self, _total: u64) -> Result<CheckFacts, String> {
        self.files.finish()
    }
}

/// Returns the name of a member, which must be a plain path within a folder.
fn name_of(block: &[u8]) -> Result<String, String> {
    let field = &block[..100];
    let length = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    let name = String::from_utf8_lossy(&field[..length]);
    let name = name.strip_prefix("./").unwrap_or(&name).trim_end_matches('/');
    let plain = !name.starts_with('/') && name.split('/').all(|part| part != "..");
    // The rest of a long name: no such file has one.
    if plain && block[345] == 0 {
        Ok(name.to_owned())
    } else {
        Err(format!(
            "`{}` is no name of a file in its folder",
            name.escape_debug()
        ))
    }
}
