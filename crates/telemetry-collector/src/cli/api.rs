//! `telemetry-collector api`: the HTTP interface and the SQL views, for programs and for people.

use std::io::Write;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use telemetry_collector::{ReadError, http_api_page, openapi_document, schema_page};

use super::failed;

/// Which description.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// An OpenAPI 3.1 document.
    Openapi,
    /// A page about the HTTP interface.
    Markdown,
    /// A page about the views that `query` can use.
    Sql,
}

#[derive(Debug, Args)]
pub(crate) struct Api {
    /// Which description.
    #[arg(value_enum, default_value_t = Form::Openapi)]
    form: Form,
}

impl Api {
    pub(crate) fn run(&self) -> ExitCode {
        let text = match self.form {
            Form::Openapi => format!("{:#}\n", openapi_document()),
            Form::Markdown => http_api_page(),
            Form::Sql => schema_page(),
        };
        match std::io::stdout().write_all(text.as_bytes()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => failed(&ReadError::Write(error)),
        }
    }
}
