//! The admin API in words for programs: an OpenAPI document, made of the table of rights and of what `table.rs` says of each route.

use std::sync::OnceLock;

use actix_web::HttpResponse;
use utoipa::openapi::path::{HttpMethod, Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, OneOfBuilder, Schema, Type};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, InfoBuilder, OpenApi, OpenApiBuilder, PathsBuilder, Ref, RefOr, Required, ResponseBuilder,
};

use self::Kind::{Apps, List, Number, Object, OneOf, Text, Truth};
use self::table::DESCRIBED;
use crate::credentials;
use crate::rights::{Need, RIGHTS, Right};

mod table;

/// Routes of the API; the others of this door are for browsers.
const ROOT: &str = "/admin/v1/";

/// What a route is about.
struct Described {
    method: &'static str,
    pattern: &'static str,
    summary: &'static str,
    query: Query,
    body: Body,
    answer: Answer,
}

/// Of the query: none is needed.
type Query = &'static [(&'static str, Kind)];
/// Of the body.
type Body = &'static [(&'static str, Kind, Must)];

#[derive(Clone, Copy)]
enum Kind {
    Text,
    OneOf(&'static [&'static str]),
    Number,
    Truth,
    Object,
    List,
    /// `"all"`, or a list of ids.
    Apps,
}

/// Whether a field is needed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Must {
    Be,
    MayBe,
}

/// How a request that was carried out is answered.
#[derive(Clone, Copy)]
enum Answer {
    Done,
    Made,
    DoneOrMade,
    /// It goes on after the answer.
    Begun,
    /// Plain text.
    Sheet,
    /// JSON, a value a line.
    Lines,
    /// Of a form of their own.
    Bytes,
}

/// `GET /admin/v1/openapi.json`.
pub async fn openapi() -> HttpResponse {
    static DOCUMENT: OnceLock<OpenApi> = OnceLock::new();
    HttpResponse::Ok().json(DOCUMENT.get_or_init(document))
}

// A route that only one of the tables has is left out; the test below finds it.
fn document() -> OpenApi {
    let info = InfoBuilder::new().title("Natter: the admin API").version(env!("CARGO_PKG_VERSION"));
    let paths = DESCRIBED.iter().fold(PathsBuilder::new(), |paths, described| {
        let pattern = format!("{ROOT}{}", described.pattern);
        let right = RIGHTS.iter().find(|right| right.pattern == pattern && right.method == described.method);
        match right.zip(method(described.method)) {
            Some((right, method)) => paths.path(pattern, PathItem::new(method, operation(described, right))),
            None => paths,
        }
    });
    let components = ComponentsBuilder::new()
        .schema("Refused", refused())
        .security_scheme("token", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)))
        .security_scheme("password", SecurityScheme::Http(Http::new(HttpAuthScheme::Basic)))
        .security_scheme("cookie", SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new("__Host-natter"))));
    OpenApiBuilder::new().info(info).paths(paths).components(Some(components.build())).build()
}

fn refused() -> Schema {
    let of = |names: &[&str], of: Schema| {
        let object = ObjectBuilder::new().schema_type(Type::Object);
        let object = names.iter().fold(object, |object, name| object.property(*name, of.clone()).required(*name));
        Schema::Object(object.build())
    };
    of(&["error"], of(&["code", "field", "text"], schema(Text)))
}

fn method(name: &str) -> Option<HttpMethod> {
    match name {
        "GET" => Some(HttpMethod::Get),
        "POST" => Some(HttpMethod::Post),
        "PUT" => Some(HttpMethod::Put),
        "DELETE" => Some(HttpMethod::Delete),
        _ => None,
    }
}

fn operation(described: &Described, right: &Right) -> Operation {
    let (statuses, content): (&[&str], _) = match described.answer {
        Answer::Done => (&["200"], "application/json"),
        Answer::Made => (&["201"], "application/json"),
        Answer::DoneOrMade => (&["200", "201"], "application/json"),
        Answer::Begun => (&["202"], "application/json"),
        Answer::Sheet => (&["200"], "text/plain"),
        Answer::Lines => (&["200"], "application/jsonl"),
        Answer::Bytes => (&["200"], "application/octet-stream"),
    };
    let shape = schema(if content == "application/json" { Object } else { Text });
    let mut operation = OperationBuilder::new().summary(Some(described.summary)).operation_id(Some(name(described)));
    for status in statuses {
        let response = ResponseBuilder::new().description("It is so");
        operation =
            operation.response(*status, response.content(content, ContentBuilder::new().schema(Some(shape.clone())).build()));
    }
    let refused = ContentBuilder::new().schema(Some(RefOr::<Schema>::Ref(Ref::from_schema_name("Refused")))).build();
    operation = operation
        .response("default", ResponseBuilder::new().description("Refused, and why").content("application/json", refused).build());
    for name in right.pattern.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')) {
        let kind = if name == "kind" { OneOf(credentials::WORDS) } else { Text };
        operation = operation.parameter(parameter(name, kind, ParameterIn::Path));
    }
    for (name, kind) in described.query {
        operation = operation.parameter(parameter(name, *kind, ParameterIn::Query));
    }
    if !described.body.is_empty() {
        let body = described.body.iter().fold(ObjectBuilder::new().schema_type(Type::Object), |body, (name, kind, must)| {
            let body = body.property(*name, schema(*kind));
            if *must == Must::Be { body.required(*name) } else { body }
        });
        let content = ContentBuilder::new().schema(Some(Schema::Object(body.build()))).build();
        operation = operation.request_body(Some(RequestBodyBuilder::new().content("application/json", content).build()));
    }
    if let Need::Caller(role, _) = right.need {
        operation = operation.description(Some(format!("For the role {} and those above it.", role.name())));
        for scheme in ["token", "password", "cookie"] {
            operation = operation.security(SecurityRequirement::new::<_, [String; 0], String>(scheme, []));
        }
    }
    operation.build()
}

// `put_apps_app_alerts`: programs make the name of a function of it.
fn name(described: &Described) -> String {
    let words = described.pattern.split(|sign: char| !sign.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let method = described.method.to_ascii_lowercase();
    words.fold(method, |name, word| format!("{name}_{word}"))
}

fn parameter(name: &str, kind: Kind, place: ParameterIn) -> Parameter {
    let required = if place == ParameterIn::Path { Required::True } else { Required::False };
    ParameterBuilder::new().name(name).parameter_in(place).required(required).schema(Some(schema(kind))).build()
}

fn schema(kind: Kind) -> Schema {
    let plain = |kind: Type| Schema::Object(ObjectBuilder::new().schema_type(kind).build());
    match kind {
        Text => plain(Type::String),
        OneOf(words) => {
            let words = words.iter().copied();
            Schema::Object(ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words)).build())
        }
        Number => plain(Type::Integer),
        Truth => plain(Type::Boolean),
        Object => plain(Type::Object),
        List => Schema::Array(ArrayBuilder::new().items(ObjectBuilder::new()).build()),
        Apps => {
            let ids = ArrayBuilder::new().items(ObjectBuilder::new().schema_type(Type::Integer)).build();
            Schema::OneOf(OneOfBuilder::new().item(schema(OneOf(&["all"]))).item(Schema::Array(ids)).build())
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    #[test]
    fn the_document_has_each_route_of_the_api_and_no_other() {
        let document = serde_json::to_value(document()).unwrap();
        let paths = document["paths"].as_object().unwrap();
        let written: BTreeSet<(String, String)> = paths
            .iter()
            .flat_map(|(path, item)| item.as_object().unwrap().keys().map(move |method| (method.to_uppercase(), path.clone())))
            .collect();
        let routes = RIGHTS.iter().filter(|right| right.pattern.starts_with(ROOT));
        let routes: BTreeSet<_> = routes.map(|right| (right.method.to_owned(), right.pattern.to_owned())).collect();
        let silent: Vec<_> = routes.difference(&written).collect();
        assert!(silent.is_empty(), "say in description/table.rs what these are about: {silent:?}");
        assert_eq!(DESCRIBED.len(), written.len(), "a line of description/table.rs is no route's, or stands there twice");
    }

    #[test]
    fn an_operation_says_what_it_takes_and_for_whom_it_is() {
        let document: Value = serde_json::to_value(document()).unwrap();
        assert!(document["openapi"].as_str().unwrap().starts_with("3.1"), "{document}");
        let put = &document["paths"]["/admin/v1/operators/{name}"]["put"];
        assert_eq!(put["operationId"], "put_operators_name");
        assert_eq!(put["parameters"][0]["name"], "name");
        assert_eq!(put["parameters"][0]["required"], true);
        assert_eq!(put["description"], "For the role owner and those above it.");
        let body = |method: &Value| method["requestBody"]["content"]["application/json"]["schema"].clone();
        assert_eq!(body(put)["properties"]["apps"]["oneOf"][0]["enum"][0], "all");
        let post = &document["paths"]["/admin/v1/operators"]["post"];
        assert_eq!(body(post)["required"], serde_json::json!(["name", "role", "apps"]));
        let sign_in = &document["paths"]["/admin/v1/sessions"]["post"];
        assert!(sign_in["security"].is_null() && put["security"].as_array().unwrap().len() == 3, "{sign_in} {put}");
    }

    #[test]
    fn each_operation_has_a_name_of_its_own() {
        let names: BTreeSet<_> = DESCRIBED.iter().map(name).collect();
        assert_eq!(names.len(), DESCRIBED.len());
    }
}
