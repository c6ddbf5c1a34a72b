//! Tokio's current-thread runtime: a task for each connection.

use std::io;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::reply::{NAME_MAX_BYTES, WELCOME};

pub(super) fn serve(listener: std::net::TcpListener) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(async {
        let listener = TcpListener::from_std(listener)?;
        loop {
            let (mut stream, _) = listener.accept().await?;
            tokio::spawn(async move {
                if let Ok(1..) = stream.read(&mut [0; NAME_MAX_BYTES]).await {
                    let _ = stream.write_all(WELCOME).await;
                }
            });
        }
    })
}
