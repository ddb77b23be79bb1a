//! A file of JSON lines, synced at each entry. Entries that arrive while the disk is busy share the next sync.

use std::{
    fs::{File, OpenOptions},
    io::{BufRead as _, BufReader, Seek as _, SeekFrom, Write as _},
    path::Path,
};

use anyhow::Context as _;
use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::{mpsc, oneshot};

/// The most entries that wait for the disk; more callers wait in a queue.
const QUEUE: usize = 1024;

/// An open journal.
#[derive(Clone, Debug)]
pub struct Journal {
    lines: mpsc::Sender<(Vec<u8>, oneshot::Sender<std::io::Result<()>>)>,
}

impl Journal {
    /// Opens the file, creates it if missing, and reads it. An incomplete last line, left by a crash, was never
    /// acknowledged and is removed.
    pub fn open<T: DeserializeOwned>(path: &Path) -> anyhow::Result<(Self, Vec<T>)> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .with_context(|| format!("cannot open the journal {}", path.display()))?;
        let mut entries = Vec::new();
        let mut whole = 0;
        let mut reader = BufReader::new(&file);
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = reader.read_until(b'\n', &mut line)?;
            if read == 0 || line.last() != Some(&b'\n') {
                break;
            }
            let entry = serde_json::from_slice(&line)
                .with_context(|| format!("{}: entry {} cannot be read", path.display(), entries.len() + 1))?;
            entries.push(entry);
            whole += read as u64;
        }
        drop(reader);
        file.set_len(whole)?;
        file.seek(SeekFrom::Start(whole))?;
        let (lines, queue) = mpsc::channel(QUEUE);
        std::thread::Builder::new()
            .name("journal".into())
            .spawn(move || write_loop(file, queue))?;
        Ok((Self { lines }, entries))
    }

    /// Adds an entry, and returns once it is on the disk.
    pub async fn append<T: Serialize + Sync>(&self, entry: &T) -> anyhow::Result<()> {
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        let (done, waiting) = oneshot::channel();
        self.lines
            .send((line, done))
            .await
            .context("the journal's writer has stopped")?;
        waiting.await.context("the journal's writer has stopped")??;
        Ok(())
    }
}

/// Writes waiting entries in batches, with one sync each.
fn write_loop(mut file: File, mut queue: mpsc::Receiver<(Vec<u8>, oneshot::Sender<std::io::Result<()>>)>) {
    let mut length = file.stream_position().unwrap_or(0);
    while let Some((mut bytes, first)) = queue.blocking_recv() {
        let mut waiting = vec![first];
        while let Ok((line, done)) = queue.try_recv() {
            bytes.extend(line);
            waiting.push(done);
        }
        let written = file.write_all(&bytes).and_then(|()| file.sync_data());
        match &written {
            Ok(()) => length += bytes.len() as u64,
            // Half an entry must not remain before the next one.
            Err(_) => {
                let _ = file
                    .set_len(length)
                    .and_then(|()| file.seek(SeekFrom::Start(length)).map(drop));
            }
        }
        for done in waiting {
            let copy = match &written {
                Ok(()) => Ok(()),
                Err(error) => Err(std::io::Error::new(error.kind(), error.to_string())),
            };
            let _ = done.send(copy);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_acknowledged_is_read_back_and_a_cut_line_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sandbox.jsonl");
        let (journal, before) = Journal::open::<u32>(&path).unwrap();
        assert!(before.is_empty());
        futures::future::join_all((0..50_u32).map(|n| {
            let journal = journal.clone();
            async move { journal.append(&n).await.unwrap() }
        }))
        .await;
        drop(journal);
        OpenOptions::new()
            .append(true)
            .open(&path)
            .unwrap()
            .write_all(b"12")
            .unwrap();
        let (journal, mut read) = Journal::open::<u32>(&path).unwrap();
        read.sort_unstable();
        assert_eq!(read, (0..50).collect::<Vec<_>>());
        journal.append(&7_u32).await.unwrap();
        let (_, read) = Journal::open::<u32>(&path).unwrap();
        assert_eq!(
            read.last(),
            Some(&7),
            "the entry after a cut one stands in a line of its own"
        );
    }
}
