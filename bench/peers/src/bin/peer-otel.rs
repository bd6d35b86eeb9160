//! The work, reported as OpenTelemetry logs: batch processor, OTLP over HTTP in protobuf (the exporter's default),
//! the blocking reqwest client, default options, `shutdown` before the end.
//!
//! Exits with 0 whatever the network does, with 2 on wrong use and with 1 when no exporter can be made of the URL.
//! Only the last two are answered with text.

use std::process::ExitCode;
use std::time::SystemTime;

use opentelemetry::logs::{LogRecord as _, Logger, LoggerProvider as _, Severity};
use opentelemetry_otlp::{ExporterBuildError, LogExporter, Protocol, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::SdkLoggerProvider;
use telemetry_peers::{Run, ToolCall};

fn main() -> ExitCode {
    let Some(run) = Run::from_args(std::env::args().skip(1)) else {
        return failure(2, &format!("usage: peer-otel {}", Run::USAGE));
    };
    match &run.endpoint {
        None => run.work_unobserved(),
        Some(endpoint) => {
            let provider = match provider(endpoint) {
                Ok(provider) => provider,
                Err(error) => return failure(1, &format!("no exporter for {endpoint}: {error}")),
            };
            let logger = provider.logger("telemetry-peers");
            run.work(|call| emit(&logger, call));
            // An error says that the network did not take everything, which is what a run is to find out.
            let _ = provider.shutdown();
        }
    }
    ExitCode::SUCCESS
}

fn provider(endpoint: &str) -> Result<SdkLoggerProvider, ExporterBuildError> {
    let exporter = LogExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        // The builder takes the URL as it is, the signal's path included.
        .with_endpoint(format!("{endpoint}/v1/logs"))
        .build()?;
    let resource = Resource::builder().with_service_name("telemetry-peers").build();
    Ok(SdkLoggerProvider::builder().with_resource(resource).with_batch_exporter(exporter).build())
}

fn emit<L: Logger>(logger: &L, call: ToolCall) {
    let mut record = logger.create_log_record();
    record.set_event_name("tool");
    record.set_timestamp(SystemTime::now());
    record.set_severity_number(Severity::Info);
    record.add_attribute("action", call.action);
    record.add_attribute("session_id", call.session_id);
    record.add_attribute("agent_name", call.agent_name);
    record.add_attribute("tool_name", call.tool_name);
    record.add_attribute("tool_kind", call.tool_kind);
    record.add_attribute("duration_ms", call.duration_ms);
    record.add_attribute("outcome", call.outcome);
    record.add_attribute("is_success", call.is_success);
    if let Some(error) = call.error {
        record.add_attribute("error", error);
    }
    record.add_attribute("os", call.os);
    record.add_attribute("arch", call.arch);
    logger.emit(record);
}

#[expect(clippy::print_stderr, reason = "wrong use is answered on stderr")]
fn failure(code: u8, text: &str) -> ExitCode {
    eprintln!("{text}");
    ExitCode::from(code)
}
