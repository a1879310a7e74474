//! A real Prometheus on loopback, with the shipped rules made quicker, that asks a real server.

use super::rules;
use crate::support::{Server, is_installed, wait_until};
use serde_json::Value;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// How often it asks, how long it waits for an answer, and how often it looks at its rules.
const EVERY: &str = "500ms";
/// The range of a rate that a dashboard asks for.
pub const RATE_INTERVAL: &str = "10s";
/// The name under which it knows the server, whose port changes with each start.
pub const INSTANCE: &str = "server";

/// A running Prometheus. It is ended when dropped.
pub struct Prometheus {
    child: Child,
    url: String,
    dir: TempDir,
    agent: ureq::Agent,
}

impl Prometheus {
    /// Whether there is one.
    pub fn is_installed() -> bool {
        ["prometheus", "promtool"].iter().all(|program| is_installed(program, "prometheus"))
    }

    /// Starts it, with spans so many times shorter than shipped.
    pub fn start(times: f64, server: &Server) -> Self {
        let dir = tempfile::tempdir().unwrap();
        rules::write_quicker(dir.path(), times);
        let settings = format!(
            "global: {{ scrape_interval: {EVERY}, scrape_timeout: {EVERY}, evaluation_interval: {EVERY} }}\n\
             rule_files: [recording.yml, alerts.yml]\n\
             scrape_configs:\n  - job_name: countersign\n    tls_config: {{ insecure_skip_verify: true }}\n    \
             file_sd_configs: [{{ files: [targets.yml] }}]\n"
        );
        fs::write(dir.path().join("prometheus.yml"), settings).unwrap();
        write_target(dir.path(), server);
        let stderr = File::create(dir.path().join("stderr")).unwrap();
        let mut command = Command::new("prometheus");
        command.arg(format!("--config.file={}", dir.path().join("prometheus.yml").display()));
        command.arg(format!("--storage.tsdb.path={}", dir.path().join("data").display()));
        command.arg("--web.listen-address=127.0.0.1:0");
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr).spawn().unwrap();
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut started = Self { child, url: String::new(), dir, agent };
        wait_until("Prometheus listens", || {
            assert_eq!(started.child.try_wait().unwrap(), None, "{}", started.diagnostics());
            started.listens()
        });
        started
    }

    fn diagnostics(&self) -> String {
        fs::read_to_string(self.dir.path().join("stderr")).unwrap()
    }

    /// Reads from its diagnostics where it listens, and whether it is ready.
    fn listens(&mut self) -> bool {
        let text = self.diagnostics();
        let line = text.lines().find(|line| line.contains("msg=\"Listening on\""));
        let Some((_, address)) = line.and_then(|line| line.split_once("address=")) else { return false };
        self.url = format!("http://{}", address.trim());
        text.contains("Server is ready")
    }

    /// Goes on with a server that was started again, as the same one.
    pub fn follow(&self, server: &Server) {
        write_target(self.dir.path(), server);
    }

    fn get(&self, path: &str, query: &[(&str, &str)]) -> Value {
        let request = self.agent.get(format!("{}{path}", self.url)).query_pairs(query.iter().copied());
        let text = request.call().unwrap().body_mut().read_to_string().unwrap();
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("{path} {query:?}: {text}"))
    }

    /// What an expression is at this moment: one item a series.
    pub fn query(&self, expr: &str) -> Vec<Value> {
        let answer = self.get("/api/v1/query", &[("query", expr)]);
        assert_eq!(answer["status"], "success", "{expr}: {answer}");
        answer["data"]["result"].as_array().unwrap().clone()
    }

    /// What alerts by a name fire at this moment, each with labels and annotations.
    pub fn firing(&self, alert: &str) -> Vec<Value> {
        let answer = self.get("/api/v1/alerts", &[]);
        let all = answer["data"]["alerts"].as_array().unwrap();
        let wanted = all.iter().filter(|found| found["labels"]["alertname"] == alert && found["state"] == "firing");
        wanted.cloned().collect()
    }

    /// Waits until an alert fires, while something goes on, and gives it.
    pub fn until_firing(&self, alert: &str, mut meanwhile: impl FnMut()) -> Value {
        let mut found = Vec::new();
        wait_until(&format!("{alert} fires: {}", self.diagnostics()), || {
            meanwhile();
            found = self.firing(alert);
            !found.is_empty()
        });
        found.remove(0)
    }

    /// Waits until an alert does not fire.
    pub fn until_quiet(&self, alert: &str, mut meanwhile: impl FnMut()) {
        wait_until(&format!("{alert} is over"), || {
            meanwhile();
            self.firing(alert).is_empty()
        });
    }

    /// Waits until it has read the server's metrics.
    pub fn until_it_has_read(&self) {
        wait_until("Prometheus has read the metrics", || !self.query("countersign_ready == 1").is_empty());
    }

    /// Waits until it has read what a server that was started again shows by now.
    pub fn until_it_has_read_from(&self, server: &Server) {
        let value = |name: &str| server.metric(name).to_string();
        let (started, position) = (value("process_start_time_seconds"), value("countersign_journal_position"));
        let read =
            format!("process_start_time_seconds == {started} and on () countersign_journal_position >= {position}");
        wait_until("Prometheus has read the metrics of this start", || !self.query(&read).is_empty());
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn write_target(dir: &Path, server: &Server) {
    let (scheme, address) = server.url.split_once("://").unwrap();
    let labels = format!("{{ instance: {INSTANCE}, __scheme__: {scheme} }}");
    let target = format!("- targets: [\"{address}\"]\n  labels: {labels}\n");
    // Renamed, so that it is never read half written.
    fs::write(dir.join("targets.next"), target).unwrap();
    fs::rename(dir.join("targets.next"), dir.join("targets.yml")).unwrap();
}
