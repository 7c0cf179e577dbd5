//! `natter backup` and `natter restore`: an installation that is one process as a folder, and the way back (`backup.rs`). A process that
//! runs is asked for its rows; the rows of one that is stopped are read from its store.

use std::path::PathBuf;

use anyhow::{Context, Result, anyhow, bail};
use bytes::Bytes;
use clap::Args;
use futures::{Stream, StreamExt, stream};
use natter_db::Kv;

use crate::admin::Admin;
use crate::backup::{Taking, restore as bring};
use crate::config::Config;
use crate::data::DataDir;

#[derive(Args, Debug)]
pub struct Backup {
    /// The folder to make. It holds secrets: only its owner may read it.
    folder: PathBuf,
}

#[derive(Args, Debug)]
pub struct Restore {
    /// The backup.
    folder: PathBuf,
}

/// Makes a backup. The folder has its name when it is whole, and not before.
#[allow(clippy::print_stdout)]
pub async fn backup(config: &Config, arguments: &Backup) -> Result<()> {
    let data = DataDir::at(&config.data);
    // A first start makes the token after the store: one that is being made is left alone.
    if !data.store().exists() || !data.has_admin_token() {
        let at = config.data.display();
        bail!("there is no installation in {at}: name its data directory with --data (of a cluster: deploy/backup.md)");
    }
    let mut taking = Taking::begin(data.clone(), &arguments.folder)?;
    let taken = match take(config, &data, &mut taking).await {
        Ok(made_at) => taking.finish(made_at),
        Err(error) => {
            // What is not whole is no backup.
            taking.abandon();
            Err(error)
        }
    };
    let about = taken?;
    println!("{} files with {} bytes of {} in {}", about.files, about.bytes, about.made_at, arguments.folder.display());
    Ok(())
}

// Gives the moment of the rows.
async fn take(config: &Config, data: &DataDir, taking: &mut Taking) -> Result<String> {
    // Most of them: what comes while these are copied is copied after the moment, of which there is less.
    taking.copy_files()?;
    taking.forget_removed()?;
    // Whoever has the store open runs.
    match Kv::open(&data.store(), config.store.clone()) {
        Ok(kv) => {
            let made_at = jiff::Timestamp::now().to_string();
            let copied = kv.copied().await?;
            let pieces = stream::try_unfold(copied, |mut copied| async move {
                let piece = copied.next().await?;
                anyhow::Ok(piece.map(|piece| (piece, copied)))
            });
            taking.copy_rows(pieces).await?;
            Ok(made_at)
        }
        Err(closed) => {
            let admin = Admin::of(config)?;
            let made_at = jiff::Timestamp::now().to_string();
            let answer = admin.download("/backup").await.with_context(|| format!("{closed}, and"))?;
            taking.copy_rows(pieces(answer)).await?;
            Ok(made_at)
        }
    }
}

fn pieces(answer: reqwest::Response) -> impl Stream<Item = Result<Bytes>> {
    let pieces = stream::try_unfold(answer, |mut answer| async move {
        let piece = answer.chunk().await?;
        Ok(piece.map(|piece| (piece, answer)))
    });
    pieces.map(|piece: reqwest::Result<Bytes>| piece.map_err(|error| anyhow!(error)))
}

/// Fills a data directory that is empty with a backup.
#[allow(clippy::print_stdout)]
pub async fn restore(config: &Config, arguments: &Restore) -> Result<()> {
    let (about, rows) = bring(&arguments.folder, &config.data, config.store.clone()).await?;
    println!(
        "{} files and {rows} rows of {}, made by {}, in {}",
        about.files,
        about.made_at,
        about.made_by,
        config.data.display()
    );
    Ok(())
}
