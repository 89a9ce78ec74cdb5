//! An image and a model in one file.

use std::path::{Path, PathBuf};

use object::elf;
use object::read::elf::{FileHeader, ProgramHeader};
use object::write::elf as write;
use thimble_boards::{Board, FileKind};
use thimble_shared::format::Model;

/// Why image and model make no file for the board.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The image's file cannot be read.
    #[error("{path} cannot be read; `cargo xtask firmware {board}` builds it", path = path.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// Name of the board.
        board: String,
        /// Why.
        source: std::io::Error,
    },
    /// It is no ELF file of an image.
    #[error("{path} is no image of a board: {why}; `cargo xtask firmware` builds them", path = path.display())]
    NoImage {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The image reaches outside of its part of the flash: it is that of another board.
    #[error("{path} is not an image of {board}: it has bytes at {address:#x}", path = path.display())]
    OtherBoard {
        /// The file.
        path: PathBuf,
        /// Name of the board.
        board: String,
        /// The first address outside.
        address: u64,
    },
    /// The model is larger than its partition.
    #[error("the model has {} bytes more than the {room} that {board} has room for; make a smaller one with `thimble distill --max-flash {room}`", bytes - room)]
    Flash {
        /// Name of the board.
        board: String,
        /// Bytes of the model file.
        bytes: usize,
        /// Bytes of the partition.
        room: usize,
    },
    /// The model's session is larger than its part of the RAM.
    #[error("a session of the model needs {} bytes of RAM more than the {room} that {board} has for it", bytes - room)]
    Ram {
        /// Name of the board.
        board: String,
        /// Bytes of the model's arena.
        bytes: usize,
        /// Bytes of the board's arena.
        room: usize,
    },
}

/// An image with a model: what the flash is to hold.
#[derive(Debug, Clone)]
pub struct Merged {
    flash_start: u32,
    entry: u32,
    uf2_family: Option<u32>,
    /// Addresses with their bytes, ascending.
    segments: Vec<Segment>,
    /// Bytes of the image without the model.
    pub image_bytes: usize,
}

/// An address and its bytes.
type Segment = (u32, Vec<u8>);

/// Joins the image in the ELF file `elf` and a model for a board.
///
/// # Errors
/// A file that is no image of this board; a model that does not fit.
pub fn merge(board: &Board, elf: &Path, model: &Model<'_>) -> Result<Merged, ImageError> {
    let name = || board.name.clone();
    let (bytes, room) = (model.bytes().len(), board.model.bytes as usize);
    if bytes > room {
        return Err(ImageError::Flash {
            board: name(),
            bytes,
            room,
        });
    }
    let (bytes, room) = (model.arena_bytes(), board.arena as usize);
    if bytes > room {
        return Err(ImageError::Ram {
            board: name(),
            bytes,
            room,
        });
    }
    let file = std::fs::read(elf).map_err(|source| ImageError::Missing {
        path: elf.to_owned(),
        board: name(),
        source,
    })?;
    let (entry, mut segments) = load(&file).map_err(|why| ImageError::NoImage {
        path: elf.to_owned(),
        why,
    })?;
    let room = board.image();
    for (address, bytes) in &segments {
        let end = u64::from(*address) + bytes.len() as u64;
        if *address < room.start || end > room.end() {
            return Err(ImageError::OtherBoard {
                path: elf.to_owned(),
                board: name(),
                address: (*address).into(),
            });
        }
    }
    let image_bytes = segments.iter().map(|(_, bytes)| bytes.len()).sum();
    segments.push((board.model.start, model.bytes().to_vec()));
    segments.sort_by_key(|(address, _)| *address);
    Ok(Merged {
        flash_start: board.flash.start,
        entry,
        uf2_family: board.uf2_family,
        segments,
        image_bytes,
    })
}

/// Entry point, and what goes to the flash.
fn load(file: &[u8]) -> Result<(u32, Vec<Segment>), String> {
    let text = |error: object::Error| error.to_string();
    let header = elf::FileHeader32::<object::Endianness>::parse(file).map_err(text)?;
    let endian = header.endian().map_err(text)?;
    let mut segments = Vec::new();
    for program in header.program_headers(endian, file).map_err(text)? {
        let bytes = program
            .data(endian, file)
            .map_err(|()| "a segment reaches outside of the file".to_owned())?;
        if program.p_type(endian) == elf::PT_LOAD && !bytes.is_empty() {
            segments.push((program.p_paddr(endian), bytes.to_vec()));
        }
    }
    Ok((header.e_entry(endian), segments))
}

impl Merged {
    /// Turns over the lowest bit of the byte at an address, as damage to the flash would; nothing if there is no such byte.
    pub fn flip(&mut self, address: u32) {
        for (start, bytes) in &mut self.segments {
            let byte = address
                .checked_sub(*start)
                .and_then(|offset| bytes.get_mut(offset as usize));
            if let Some(byte) = byte {
                *byte ^= 1;
            }
        }
    }

    /// The bytes of a file of this kind; nothing if the board takes no such files.
    pub fn file(&self, kind: FileKind) -> Option<Vec<u8>> {
        match kind {
            FileKind::Bin => Some(self.bin()),
            FileKind::Hex => self.hex(),
            FileKind::Uf2 => uf2::bin_to_uf2(&self.bin(), self.uf2_family?, self.flash_start).ok(),
            FileKind::Elf => self.elf(),
        }
    }

    /// The bytes of the flash from its start; erased ones between the parts.
    fn bin(&self) -> Vec<u8> {
        let mut flash = Vec::new();
        for (address, bytes) in &self.segments {
            flash.resize((address - self.flash_start) as usize, 0xff);
            flash.extend(bytes);
        }
        flash
    }

    /// Intel HEX: records of 16 bytes, none of which crosses a border of 64 KiB.
    fn hex(&self) -> Option<Vec<u8>> {
        let mut records = Vec::new();
        let mut upper = None;
        for (address, bytes) in &self.segments {
            let (mut address, mut rest) = (*address, &bytes[..]);
            while !rest.is_empty() {
                let [low, high] = [address as u16, (address >> 16) as u16];
                if upper != Some(high) {
                    records.push(ihex::Record::ExtendedLinearAddress(high));
                    upper = Some(high);
                }
                let to_border = 0x1_0000 - usize::from(low);
                let (value, tail) = rest.split_at(rest.len().min(16).min(to_border));
                records.push(ihex::Record::Data {
                    offset: low,
                    value: value.to_vec(),
                });
                address += value.len() as u32;
                rest = tail;
            }
        }
        records.push(ihex::Record::EndOfFile);
        let text = ihex::create_object_file_representation(&records).ok()?;
        Some(text.into_bytes())
    }

    /// An ELF file with a program header for each part and no sections.
    fn elf(&self) -> Option<Vec<u8>> {
        let mut file = Vec::new();
        let mut writer = write::Writer::new(object::Endianness::Little, false, &mut file);
        writer.reserve_file_header();
        writer.reserve_program_headers(self.segments.len() as u32);
        let places: Vec<u64> = self
            .segments
            .iter()
            .map(|(_, bytes)| writer.reserve(bytes.len() as u64, 4))
            .collect();
        writer
            .write_file_header(&write::FileHeader {
                os_abi: elf::ELFOSABI_NONE,
                abi_version: 0,
                e_type: elf::ET_EXEC,
                e_machine: elf::EM_ARM,
                e_entry: self.entry.into(),
                e_flags: elf::EF_ARM_EABI_VER5,
            })
            .ok()?;
        writer.write_align_program_headers();
        for ((address, bytes), place) in self.segments.iter().zip(&places) {
            writer.write_program_header(&write::ProgramHeader {
                p_type: elf::PT_LOAD,
                p_flags: elf::PF_R | elf::PF_X,
                p_offset: *place,
                p_vaddr: (*address).into(),
                p_paddr: (*address).into(),
                p_filesz: bytes.len() as u64,
                p_memsz: bytes.len() as u64,
                p_align: 4,
            });
        }
        for (_, bytes) in &self.segments {
            writer.write_align(4);
            writer.write(bytes);
        }
        Some(file)
    }
}
