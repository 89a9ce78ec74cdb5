//! The line to a board: bytes out, bytes in, with a time limit.

use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use thimble_boards::{Board, FileKind};

use super::image::Merged;

/// The emulator.
const QEMU: &str = "qemu-system-arm";

/// Why there is no line to a board.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// The board has no emulator.
    #[error("{0} cannot be emulated; `--target serial:PORT` asks a real one")]
    NoEmulator(String),
    /// The emulator does not start.
    #[error("{QEMU} cannot be started; install it (Debian: apt-get install qemu-system-arm)")]
    Qemu(#[source] io::Error),
    /// The serial port cannot be opened.
    #[error("the serial port {port} cannot be opened; here are: {here}")]
    Port {
        /// Name of the port.
        port: String,
        /// Names of the ports that this machine shows.
        here: String,
        /// Why.
        source: serialport::Error,
    },
    /// A file for the emulator cannot be written.
    #[error("the image cannot be written for the emulator")]
    Image(#[source] io::Error),
}

/// A line to a board, and the emulator if that is the board.
pub struct Line {
    writer: Box<dyn Write + Send>,
    incoming: mpsc::Receiver<Vec<u8>>,
    emulator: Option<Emulator>,
}

struct Emulator {
    process: Child,
    _image: tempfile::NamedTempFile,
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // It is there for this line alone; if it has ended before, so be it.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Line {
    /// Options of QEMU by which each instruction takes 2⁷ ns of the emulated clock, however fast this machine is.
    pub const COUNTING: &[&str] = &["-icount", "shift=7,sleep=off"];
    /// Time of an instruction with [`COUNTING`](Self::COUNTING).
    pub const SECONDS_AN_INSTRUCTION: f64 = 128e-9;

    /// A line made of its two directions. A thread reads until the line ends.
    pub fn new(
        mut reader: impl Read + Send + 'static,
        writer: impl Write + Send + 'static,
    ) -> Self {
        let (sender, incoming) = mpsc::channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            loop {
                match reader.read(&mut buffer) {
                    Ok(0) => return,
                    Ok(count) => {
                        if sender.send(buffer[..count].to_vec()).is_err() {
                            return;
                        }
                    }
                    Err(error)
                        if matches!(
                            error.kind(),
                            io::ErrorKind::TimedOut | io::ErrorKind::Interrupted
                        ) =>
                    {
                        // The last receiver may be gone.
                        if sender.send(Vec::new()).is_err() {
                            return;
                        }
                    }
                    Err(_) => return,
                }
            }
        });
        Self {
            writer: Box::new(writer),
            incoming,
            emulator: None,
        }
    }

    /// Starts the emulator of a board. `options` are further arguments of QEMU.
    ///
    /// # Errors
    /// A board without an emulator, or none on this machine.
    pub fn emulate(board: &Board, merged: &Merged, options: &[&str]) -> Result<Self, LineError> {
        let no_emulator = || LineError::NoEmulator(board.name.clone());
        let qemu = board.qemu.as_ref().ok_or_else(no_emulator)?;
        let image = tempfile::Builder::new()
            .prefix("thimble-")
            .suffix(".elf")
            .tempfile()
            .map_err(LineError::Image)?;
        let elf = merged
            .file(FileKind::Elf)
            .ok_or_else(|| LineError::Image(io::ErrorKind::InvalidData.into()))?;
        std::fs::write(image.path(), elf).map_err(LineError::Image)?;
        let mut process =
            Self::qemu(&qemu.machine, image.path(), options).map_err(LineError::Qemu)?;
        let (Some(input), Some(output)) = (process.stdin.take(), process.stdout.take()) else {
            return Err(LineError::Qemu(io::ErrorKind::BrokenPipe.into()));
        };
        let mut line = Self::new(output, input);
        line.emulator = Some(Emulator {
            process,
            _image: image,
        });
        Ok(line)
    }

    fn qemu(machine: &str, image: &Path, options: &[&str]) -> io::Result<Child> {
        Command::new(QEMU)
            .args(["-machine", machine, "-display", "none", "-monitor", "none"])
            .args(["-serial", "stdio", "-kernel"])
            .arg(image)
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
    }

    /// Opens a serial port.
    ///
    /// # Errors
    /// A port that is not there or in use.
    pub fn serial(port: &str, baud: u32) -> Result<Self, LineError> {
        let open = || {
            let writer = serialport::new(port, baud)
                .timeout(Duration::from_millis(100))
                .open()?;
            Ok((writer.try_clone()?, writer))
        };
        let (reader, writer) = open().map_err(|source| LineError::Port {
            port: port.to_owned(),
            here: ports(),
            source,
        })?;
        Ok(Self::new(reader, writer))
    }

    /// Sends bytes.
    ///
    /// # Errors
    /// A line that is closed.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.writer.write_all(bytes)?;
        self.writer.flush()
    }

    /// The next bytes, at least one; nothing if none come in time.
    ///
    /// # Errors
    /// A line that is closed.
    pub fn receive(&mut self, limit: Duration) -> io::Result<Option<Vec<u8>>> {
        let start = std::time::Instant::now();
        loop {
            let left = limit.saturating_sub(start.elapsed());
            match self.incoming.recv_timeout(left) {
                Ok(bytes) if bytes.is_empty() => {}
                Ok(bytes) => return Ok(Some(bytes)),
                Err(RecvTimeoutError::Timeout) => return Ok(None),
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
        }
    }
}

/// Names of the serial ports of this machine.
fn ports() -> String {
    let ports = serialport::available_ports().unwrap_or_default();
    if ports.is_empty() {
        return "none".to_owned();
    }
    let names: Vec<String> = ports.into_iter().map(|port| port.port_name).collect();
    names.join(", ")
}
