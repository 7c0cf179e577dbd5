//! `natter secrets DIR`: makes what the processes of a cluster share and none of them makes by itself.

use std::path::PathBuf;

use anyhow::Result;

use crate::certificates::Certificates;
use crate::data::DataDir;

#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// Directory to make, or to fill up: what is there stays.
    folder: PathBuf,
}

/// Makes the admin token, the keys, a CA and a certificate for `hosts`, and says what each is for.
#[allow(clippy::print_stdout)]
pub fn run(arguments: &Arguments, hosts: &[String]) -> Result<()> {
    let folder = DataDir::open(&arguments.folder)?;
    folder.admin_token()?;
    folder.verifier_key()?;
    folder.push_key()?;
    let certificates = Certificates::prepare(&folder.tls(), hosts)?;
    println!(
        "{}: admin.token (opens the admin API), verifier.key and push.key (lose neither: sessions and push credentials are sealed with \
         them), tls/ (CA {}; put your own cert.pem and cert.key there, or name them in tls.certificates)",
        arguments.folder.display(),
        certificates.ca.display()
    );
    Ok(())
}
