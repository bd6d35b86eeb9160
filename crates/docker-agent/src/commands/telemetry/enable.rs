//! `telemetry enable`: an explicit yes, and what stands against it.

use agent_telemetry::Ended;
use agent_telemetry::consent::State;

use crate::output;
use crate::startup::Startup;
use crate::wrapper::Outcome;

pub(super) fn run(startup: &Startup) -> Outcome {
    startup.telemetry().enable().map_err(|error| super::not_done("the choice could not be saved", &error))?;
    let now = startup.decide_again();
    let called = startup.called();
    let undo = format!("To turn it off: {called} telemetry disable\n");
    let decision = now.decision();
    let value = decision.inputs.iter().find(|input| input.name == decision.decided_by);
    let value = value.map_or("not set", |input| input.value.as_str());
    match decision.state {
        State::On => {
            let endpoint = now.status().endpoint.unwrap_or_default();
            let text =
                format!("Telemetry is on. Events go to {endpoint}.\nTo see them: {called} telemetry log\n");
            output::data(&(text + &undo))?;
            Ok(Ended::SUCCESS)
        }
        State::Held => {
            let problem = now.status().endpoint_problem.unwrap_or("not sent");
            let text = format!(
                "Saved. Nothing is sent yet, everything is kept on this machine: {problem}.\n\
                 To see what waits: {called} telemetry log --pending\n"
            );
            output::data(&(text + &undo))?;
            Ok(Ended::SUCCESS)
        }
        State::Off => {
            let name = decision.decided_by;
            let text = format!("Saved, but {name} ({value}) still says off. Telemetry is off.\n");
            let is_variable = name.starts_with(|c: char| c.is_ascii_uppercase());
            let undo = if is_variable { format!("To turn it on: unset {name}\n") } else { String::new() };
            output::data(&(text + &undo))?;
            super::not_reached()
        }
    }
}
