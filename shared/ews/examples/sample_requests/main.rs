//! Writes one request of every kind into a folder, each as a file, so that they can be validated
//! against Microsoft's schema.

use std::path::PathBuf;

mod requests;

fn main() -> std::io::Result<()> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from);
    let folder = folder.ok_or_else(|| std::io::Error::other("usage: sample_requests FOLDER"))?;
    std::fs::create_dir_all(&folder)?;
    for (name, bytes) in requests::sample_requests() {
        std::fs::write(folder.join(name).with_extension("xml"), bytes)?;
    }
    Ok(())
}
