//! How the servers are connected to: whom to trust, at which consistency, and until when to wait.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use scylla::client::PoolSize;
use scylla::client::execution_profile::ExecutionProfile;
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::policies::speculative_execution::SimpleSpeculativeExecutionPolicy;
use scylla::policies::timestamp_generator::MonotonicTimestampGenerator;
use scylla::statement::{Consistency, SerialConsistency};

use super::options::CqlOptions;
use crate::error::Error;

/// Connections to each server, or to each core of one that tells of its cores.
const POOL: NonZeroUsize = NonZeroUsize::new(2).unwrap();

/// With the keyspace in use: it has to be there.
pub async fn to_keyspace(options: &CqlOptions) -> Result<Session, Error> {
    let keyspace = options.keyspace().ok_or_else(|| refused("the name of the keyspace is not a name"))?;
    // Where a partition lies is known from the keyspace, so that a statement goes to a server that has it.
    let builder = builder(options)?.fetch_schema_metadata(true).keyspaces_to_fetch([keyspace]);
    connect(builder.use_keyspace(keyspace, false)).await
}

/// With no keyspace in use, for those who make one.
pub async fn to_servers(options: &CqlOptions) -> Result<Session, Error> {
    connect(builder(options)?).await
}

async fn connect(builder: SessionBuilder) -> Result<Session, Error> {
    builder.build().await.map_err(|error| refused(&format!("cannot connect: {error}")))
}

fn builder(options: &CqlOptions) -> Result<SessionBuilder, Error> {
    if options.nodes.is_empty() {
        return Err(refused("no server is named"));
    }
    let speculation = SimpleSpeculativeExecutionPolicy { max_retry_count: 1, retry_interval: options.speculate_after() };
    let profile = ExecutionProfile::builder()
        .consistency(Consistency::LocalQuorum)
        .serial_consistency(Some(SerialConsistency::LocalSerial))
        .request_timeout(Some(options.deadline()))
        .speculative_execution_policy(Some(Arc::new(speculation)))
        .build();
    let mut builder = SessionBuilder::new()
        .known_nodes(&options.nodes)
        .default_execution_profile_handle(profile.into_handle())
        .pool_size(PoolSize::PerShard(POOL))
        // Writes of this process to one cell take effect in their order, whichever server they went through.
        .timestamp_generator(Arc::new(MonotonicTimestampGenerator::new()))
        .fetch_schema_metadata(false);
    if !options.datacenter.is_empty() {
        builder = builder.prefer_datacenter(options.datacenter.clone());
    }
    if !options.user.is_empty() {
        builder = builder.user(&options.user, &options.password);
    }
    if !options.ca.as_os_str().is_empty() {
        builder = builder.tls_context(Some(trusting(&options.ca)?));
    }
    Ok(builder)
}

fn trusting(ca: &Path) -> Result<Arc<ClientConfig>, Error> {
    let unusable = |error: &dyn std::fmt::Display| refused(&format!("{}: {error}", ca.display()));
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(ca).map_err(|error| unusable(&error))? {
        roots.add(certificate.map_err(|error| unusable(&error))?).map_err(|error| unusable(&error))?;
    }
    if roots.is_empty() {
        return Err(unusable(&"there is no certificate in it"));
    }
    Ok(Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth()))
}

fn refused(text: &str) -> Error {
    Error::NotStored(format!("CQL: {text}"))
}
