//! What a process offers to the others: its services, whether it takes calls (`grpc.health.v1`), and what its services look like
//! (`grpc.reflection.v1`), for whoever looks at a process from outside.

use std::convert::Infallible;

use http::{Request, Response};
use natter_proto::DESCRIPTORS;
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::service::Routes;
use tonic_health::ServingStatus;
use tonic_health::server::{HealthReporter, HealthService};
use tower::Service;

use crate::Error;

/// Services, gathered.
#[derive(Default)]
pub struct Offered {
    routes: Routes,
    names: Vec<&'static str>,
}

/// Says of the services of a process whether they take calls. At first they do not.
#[derive(Clone)]
pub struct Health {
    reporter: HealthReporter,
    names: Vec<&'static str>,
}

impl Offered {
    /// One more.
    #[must_use]
    pub fn add_service<S>(mut self, service: S) -> Offered
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + NamedService + Clone + Send + Sync + 'static,
        S::Future: Send + 'static,
    {
        self.names.push(S::NAME);
        self.routes = self.routes.add_service(service);
        self
    }

    /// All of them, with health and reflection beside them.
    ///
    /// # Errors
    /// The protos do not fit together.
    pub async fn finish(self) -> Result<(Routes, Health), Error> {
        let health = Health { reporter: HealthReporter::new(), names: self.names };
        health.set(false).await;
        let described = tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            .with_service_name("grpc.health.v1.Health")
            .with_service_name("grpc.reflection.v1.ServerReflection");
        let described = health.names.iter().fold(described, |described, name| described.with_service_name(*name));
        let described = described.build_v1().map_err(|error| Error::Serve(error.to_string()))?;
        let reports = HealthService::from_health_reporter(health.reporter.clone());
        let routes = self.routes.add_service(tonic_health::pb::health_server::HealthServer::new(reports));
        Ok((routes.add_service(described), health))
    }
}

impl Health {
    /// From now on they take calls, or do not.
    pub async fn set(&self, serves: bool) {
        let status = if serves { ServingStatus::Serving } else { ServingStatus::NotServing };
        // The empty name is the whole process.
        for name in self.names.iter().copied().chain([""]) {
            self.reporter.set_service_status(name, status).await;
        }
    }
}

#[cfg(test)]
mod tests;
