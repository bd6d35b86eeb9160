//! Where a model is, in which format it is spoken to, and who gets which key.

use agent_runtime::prices::Catalogue;
use agent_runtime::provider::endpoint::Auth;
use agent_runtime::provider::model::ModelSettings;
use agent_runtime::provider::{Model, Wire, auto};
use agent_runtime::{Environment, Keys, config};

/// Resolves the only model of a file that says this about it.
fn resolve(model: &str, more: &str, variables: &[(&str, &str)]) -> Result<Model, String> {
    let text = format!("agents: {{ root: {{ model: m }} }}\nmodels: {{ m: {{ {model} }} }}\n{more}");
    let config = config::from_yaml("agent.yaml", &text).unwrap();
    let settings = ModelSettings::from_config(&config, &config.models[0]);
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Model::resolve(&settings, Catalogue::bundled(), &Environment::new(variables), Keys::Required)
        .map_err(|error| error.to_string())
}

fn url_and_auth(model: &str, variables: &[(&str, &str)]) -> (String, &'static str) {
    let endpoint = resolve(&format!("model: x, {model}"), "", variables).unwrap().endpoint;
    let auth = match endpoint.auth {
        Auth::None => "none",
        Auth::Bearer(_) => "bearer",
        Auth::ApiKey(_) => "api-key",
        Auth::XApiKey(_) => "x-api-key",
    };
    (endpoint.url, auth)
}

const KEYS: [(&str, &str); 8] = [
    ("OPENAI_API_KEY", "k"),
    ("ANTHROPIC_API_KEY", "k"),
    ("MISTRAL_API_KEY", "k"),
    ("XAI_API_KEY", "k"),
    ("NEBIUS_API_KEY", "k"),
    ("REQUESTY_API_KEY", "k"),
    ("MINIMAX_API_KEY", "k"),
    ("AZURE_API_KEY", "k"),
];

#[test]
fn every_provider_of_the_table() {
    let table: Vec<String> = [
        "openai", "anthropic", "mistral", "xai", "nebius", "requesty", "minimax", "ollama", "dmr",
        "azure, base_url: 'https://r.example/openai/deployments/d', provider_opts: { api_version: '2024-10-21' }",
    ]
    .iter()
    .map(|provider| {
        let (url, auth) = url_and_auth(&format!("provider: {provider}"), &KEYS);
        format!("{} {url} {auth}", provider.split(',').next().unwrap_or_default())
    })
    .collect();
    insta::assert_snapshot!(table.join("\n"), @r"
    openai https://api.openai.com/v1/chat/completions bearer
    anthropic https://api.anthropic.com/v1/messages x-api-key
    mistral https://api.mistral.ai/v1/chat/completions bearer
    xai https://api.x.ai/v1/chat/completions bearer
    nebius https://api.studio.nebius.com/v1/chat/completions bearer
    requesty https://router.requesty.ai/v1/chat/completions bearer
    minimax https://api.minimax.io/v1/chat/completions bearer
    ollama http://localhost:11434/v1/chat/completions none
    dmr http://127.0.0.1:12434/engines/v1/chat/completions none
    azure https://r.example/openai/deployments/d/chat/completions?api-version=2024-10-21 api-key
    ");
}

#[test]
fn who_gets_a_key() {
    let of = |model: &str, list: &[(&str, &str)]| url_and_auth(model, list).1;
    // This machine may have the usual key; another host only if the file says so.
    assert_eq!(of("provider: openai, base_url: 'http://127.0.0.1:9/v1/'", &KEYS), "bearer");
    assert_eq!(of("provider: openai, base_url: 'http://127.0.0.1:9/v1/'", &[]), "none");
    assert_eq!(of("provider: anthropic, base_url: 'http://127.0.0.1:9'", &KEYS), "x-api-key");
    assert_eq!(of("provider: anthropic, base_url: 'http://127.0.0.1:9'", &[]), "none");
    for host in ["elsewhere.example", "127.0.0.1.example", "localhost@elsewhere.example"] {
        assert_eq!(of(&format!("provider: openai, base_url: 'https://{host}/v1'"), &KEYS), "none");
        assert_eq!(of(&format!("provider: anthropic, base_url: 'https://{host}/v1'"), &KEYS), "none");
        let named = format!("provider: openai, base_url: 'https://{host}/v1', token_key: OPENAI_API_KEY");
        assert_eq!(of(&named, &KEYS), "bearer");
    }
    assert_eq!(
        url_and_auth("provider: whatever, base_url: 'http://h/v1'", &KEYS),
        ("http://h/v1/chat/completions".to_owned(), "none")
    );
    // A key of its own counts for every provider.
    let mine = [("MINE", "k")];
    assert_eq!(of("provider: anthropic, token_key: MINE", &mine), "x-api-key");
    assert_eq!(
        resolve("provider: anthropic, model: x", "", &[]).unwrap_err(),
        "model `m` needs a key: the variable ANTHROPIC_API_KEY is not set"
    );
}

#[test]
fn addresses_are_completed() {
    let of = |model: &str| url_and_auth(model, &KEYS).0;
    assert_eq!(of("provider: anthropic, base_url: 'http://h/'"), "http://h/v1/messages");
    assert_eq!(of("provider: anthropic, base_url: 'http://h/v1'"), "http://h/v1/messages");
    assert_eq!(of("provider: openai, base_url: 'http://h/v1?a=b'"), "http://h/v1/chat/completions?a=b");
    let runner = |host| url_and_auth("provider: dmr", &[("MODEL_RUNNER_HOST", host)]).0;
    assert_eq!(runner("http://runner:1/"), "http://runner:1/engines/v1/chat/completions");
    assert_eq!(runner("runner:1"), "http://runner:1/engines/v1/chat/completions");
}

#[test]
fn formats_by_model_and_by_what_the_file_says() {
    let of = |model: &str, more: &str| resolve(model, more, &KEYS).unwrap().endpoint.wire;
    for model in ["gpt-4.1-mini", "o1", "o3-pro", "o4-mini", "gpt-5", "codex-mini-latest", "my-codex-9"] {
        assert_eq!(of(&format!("provider: openai, model: {model}"), ""), Wire::Responses, "{model}");
    }
    for model in ["gpt-4o", "gpt-4", "chatgpt-4o-latest", "omni"] {
        assert_eq!(of(&format!("provider: openai, model: {model}"), ""), Wire::ChatCompletions, "{model}");
    }
    assert_eq!(of("provider: azure, model: gpt-5, base_url: 'http://h'", ""), Wire::ChatCompletions);
    assert_eq!(of("provider: openai, model: gpt-5, base_url: 'http://h'", ""), Wire::ChatCompletions);
    let forced = |kind: &str| {
        of(&format!("provider: openai, model: gpt-5, provider_opts: {{ api_type: {kind} }}"), "")
    };
    assert_eq!(forced("openai_chatcompletions"), Wire::ChatCompletions);
    assert_eq!(forced("openai_responses"), Wire::Responses);
    assert_eq!(forced("anthropic_messages"), Wire::Messages);
    let custom = "providers: { mine: { base_url: 'http://h/v1', api_type: openai_responses } }";
    assert_eq!(of("provider: mine, model: x", custom), Wire::Responses);
    let messages = "providers: { mine: { base_url: 'http://h', api_type: anthropic_messages } }";
    assert_eq!(of("provider: mine, model: x", messages), Wire::Messages);
    let other = "provider: mine, model: x, provider_opts: { api_type: openai_chatcompletions }";
    assert_eq!(of(other, custom), Wire::ChatCompletions);
}

#[test]
fn what_a_model_does_not_take_is_said_before_anything_starts() {
    let refused = |model: &str| resolve(model, "", &KEYS).unwrap_err();
    let anthropic = "provider: anthropic, model: claude-sonnet-4-5";
    let responses = "provider: openai, model: gpt-5";
    let refusals = [
        refused(&format!("{responses}, frequency_penalty: 1")),
        refused(&format!("{anthropic}, presence_penalty: 1")),
        refused(&format!("{responses}, thinking_budget: 2048")),
        refused("provider: ollama, model: x, thinking_budget: adaptive"),
        refused(&format!("{anthropic}, thinking_budget: 512")),
        refused(&format!("{anthropic}, thinking_budget: adaptive")),
        refused("provider: anthropic, model: claude-opus-4-7, thinking_budget: 4096"),
        refused(&format!("{anthropic}, thinking_budget: 4096, max_tokens: 4096")),
        refused(&format!("{anthropic}, thinking_budget: 4096, temperature: 0.2")),
        refused(&format!("{responses}, provider_opts: {{ interleaved_thinking: true }}")),
        refused(&format!("{responses}, provider_opts: {{ top_k: 5 }}")),
        refused("provider: openai, model: gpt-4o, provider_opts: { top_k: many }"),
        refused("provider: openai, model: gpt-4o, provider_opts: { api_version: x }"),
        refused("provider: dmr, model: x, provider_opts: { runtime_flags: [a] }"),
        refused("provider: openai, model: gpt-4o, provider_opts: { sede: 5 }"),
    ];
    insta::assert_snapshot!(refusals.join("\n"), @r#"
    model `m`: frequency_penalty is unknown to openai_responses; leave it out, or use chat completions
    model `m`: presence_penalty is unknown to anthropic_messages; leave it out, or use chat completions
    model `m`: thinking_budget 2048: this provider takes an effort: minimal, low, medium, high, xhigh
    model `m`: thinking_budget adaptive: this provider takes an effort: minimal, low, medium, high, xhigh
    model `m`: thinking_budget 512: it has to be at least 1024 tokens
    model `m`: thinking_budget adaptive: this model takes a number of tokens, or low, medium, high
    model `m`: thinking_budget 4096: this model takes an effort: low, medium, high, xhigh, max, or adaptive
    model `m`: max_tokens 4096 leaves no room beside a thinking_budget of 4096 tokens
    model `m`: temperature has to be 1 where thinking_budget is set
    model `m`: provider_opts.interleaved_thinking means nothing to openai (openai_responses)
    model `m`: provider_opts.top_k means nothing to openai (openai_responses)
    model `m`: provider_opts.top_k cannot be "many"
    model `m`: provider_opts.api_version means nothing to openai (openai_chatcompletions)
    model `m`: unknown provider_opts.runtime_flags (known: api_type, api_version, interleaved_thinking, top_k, seed, min_p, repetition_penalty)
    model `m`: unknown provider_opts.sede (did you mean `seed`?)
    "#);
}

#[test]
fn auto_takes_the_first_that_is_available_and_says_why() {
    let nobody = |_: &str| -> bool { panic!("nobody is to be probed") };
    let environment =
        |names: &[&str]| Environment::new(names.iter().map(|n| ((*n).to_owned(), "k".to_owned())));
    let choose = |names: &[&str]| {
        let chosen = auto::choose(&environment(names), Keys::Required, nobody).unwrap();
        format!("{}: {}", chosen.settings.name, chosen.why)
    };
    assert_eq!(
        choose(&["MISTRAL_API_KEY", "OPENAI_API_KEY", "ANTHROPIC_API_KEY"]),
        "anthropic/claude-sonnet-4-5: ANTHROPIC_API_KEY is set"
    );
    assert_eq!(choose(&["MISTRAL_API_KEY", "OPENAI_API_KEY"]), "openai/gpt-5-mini: OPENAI_API_KEY is set");
    assert_eq!(
        choose(&["GOOGLE_API_KEY", "MISTRAL_API_KEY"]),
        "mistral/mistral-small-latest: MISTRAL_API_KEY is set"
    );
    assert_eq!(choose(&["MODEL_RUNNER_HOST"]), "dmr/ai/qwen3:latest: MODEL_RUNNER_HOST is set");
    let local =
        auto::choose(&environment(&[]), Keys::Required, |address| address == "127.0.0.1:12434").unwrap();
    assert_eq!(local.why, "Docker Model Runner answers at 127.0.0.1:12434");
    let error = auto::choose(&environment(&[]), Keys::Required, |_| false).unwrap_err();
    insta::assert_snapshot!(error, @"no model is available: none of ANTHROPIC_API_KEY, OPENAI_API_KEY, MISTRAL_API_KEY is set, and Docker Model Runner does not answer at 127.0.0.1:12434; set a key, or name a model");
    assert!(auto::choose(&environment(&[]), Keys::Unused, nobody).is_ok());
}

#[test]
fn a_probe_is_short_and_knows_addresses_only() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    assert!(auto::answers(&address));
    drop(listener);
    assert!(!auto::answers(&address));
    assert!(!auto::answers("localhost:1"));
}

/// Every file of a folder and below.
fn files(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn every_model_of_the_examples_can_be_asked() {
    let examples = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let mut asked = 0;
    for path in files(&examples) {
        let is_agent = path.extension().is_some_and(|extension| extension == "yaml")
            && !path.components().any(|part| part.as_os_str() == "recordings");
        let Some(text) = is_agent.then(|| std::fs::read_to_string(&path).unwrap()) else { continue };
        let config = config::from_yaml(&path.display().to_string(), &text).unwrap();
        let later = ["google", "amazon-bedrock"];
        for model in config.models.iter().filter(|model| !later.contains(&model.provider.as_str())) {
            let settings = ModelSettings::from_config(&config, model);
            let model =
                Model::resolve(&settings, Catalogue::bundled(), &Environment::default(), Keys::Unused);
            assert!(model.is_ok(), "{}: {model:?}", path.display());
            asked += 1;
        }
    }
    assert!(asked > 0);
}
