//! A real browser. Chromedriver is asked by JSON over HTTP, as `WebDriver` has it (<https://www.w3.org/TR/webdriver2/>).

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;
use ureq::Agent;

use crate::process::{Log, Process, is_here, until};
use crate::tied::tied;

/// A browser without a window on a screen. Nothing of it outlives the test: chromedriver is tied to the test, and the browser
/// ends with the pipe between the two.
pub(crate) struct Browser {
    session: String,
    agent: Agent,
    driver: Process,
    folder: TempDir,
}

impl Browser {
    /// Starts one, if it is installed. If it is not, that is said.
    pub(crate) fn start() -> Option<Browser> {
        if !is_here("chromedriver") || !is_here("chromium") {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path();
        let (driver, port) = (0..10).find_map(|_| drive(home)).expect("chromedriver finds a port");
        let agent = Agent::config_builder().http_status_as_error(false);
        let agent = agent.timeout_global(Some(Duration::from_secs(60))).build().new_agent();
        let session = format!("http://127.0.0.1:{port}/session");
        let mut browser = Browser { session, agent, driver, folder };
        let session = browser.ask("", &browser.capabilities());
        browser.session.extend(["/", session["sessionId"].as_str().unwrap()]);
        Some(browser)
    }

    fn capabilities(&self) -> Value {
        let folder = format!("--user-data-dir={}", self.folder.path().join("profile").display());
        let arguments = [
            "--headless",
            // A container has no namespaces for the sandbox, and little shared memory.
            "--no-sandbox",
            "--disable-dev-shm-usage",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--hide-scrollbars",
            "--remote-debugging-pipe",
            &folder,
        ];
        json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "goog:loggingPrefs": { "browser": "ALL" },
            "goog:chromeOptions": { "args": arguments },
        } } })
    }

    /// What chromedriver answers to a command. An error fails.
    fn ask(&self, path: &str, parameters: &Value) -> Value {
        let request = self.agent.post(format!("{}{path}", self.session));
        let mut response = request.content_type("application/json").send(parameters.to_string()).unwrap();
        let answer = response.body_mut().with_config().limit(1 << 26).read_to_string().unwrap();
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert!(response.status().is_success(), "{path} {parameters}: {answer}");
        answer["value"].clone()
    }

    /// Opens a page, and waits until it is loaded.
    pub(crate) fn open(&self, url: &str) {
        self.ask("/url", &json!({ "url": url }));
    }

    /// What a script returns.
    pub(crate) fn run(&self, script: &str) -> Value {
        self.ask("/execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// The text of the element with this identifier.
    pub(crate) fn text(&self, id: &str) -> String {
        let text = self.run(&format!("return document.getElementById({id:?})?.textContent ?? ''"));
        text.as_str().unwrap().to_owned()
    }

    /// Waits until the element with this identifier has this text.
    pub(crate) fn wait_for(&self, id: &str, text: &str) {
        until(&format!("{id} is {text:?}"), || self.text(id) == text);
    }

    /// What the console has said since it was last asked: errors and warnings alone.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let log = self.ask("/se/log", &json!({ "type": "browser" }));
        let bad = |entry: &&Value| ["SEVERE", "WARNING"].map(Value::from).contains(&entry["level"]);
        log.as_array().unwrap().iter().filter(bad).map(Value::to_string).collect()
    }

    /// A command of Chromium's own protocol.
    pub(crate) fn command(&self, command: &str, parameters: &Value) {
        self.ask("/goog/cdp/execute", &json!({ "cmd": command, "params": parameters }));
    }

    /// Sets the size of the page and the colors that the reader prefers.
    pub(crate) fn set(&self, width: u32, height: u32, scheme: &str) {
        let screen = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.command("Emulation.setDeviceMetricsOverride", &screen);
        let scheme = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.command("Emulation.setEmulatedMedia", &json!({ "features": scheme }));
    }

    /// A picture of the page as it is seen, as a PNG file.
    pub(crate) fn screenshot(&self) -> Vec<u8> {
        let url = format!("{}/screenshot", self.session);
        let mut response = self.agent.get(url).call().unwrap();
        let answer = response.body_mut().with_config().limit(1 << 26).read_to_string().unwrap();
        let answer: Value = serde_json::from_str(&answer).unwrap();
        BASE64_STANDARD.decode(answer["value"].as_str().unwrap()).unwrap()
    }

    /// The colors of points of a picture (a PNG file), as `#rrggbb`. The page is another one afterwards.
    pub(crate) fn colors(&self, picture: &[u8], points: &[[f64; 2]]) -> Vec<String> {
        self.open("about:blank");
        let script = "const [picture, points, done] = arguments, image = new Image();
            image.onload = () => {
                const canvas = new OffscreenCanvas(image.width, image.height).getContext('2d');
                canvas.drawImage(image, 0, 0);
                const hex = (color) => '#' + [...color].map((part) => part.toString(16).padStart(2, '0')).join('');
                done(points.map(([x, y]) => hex(canvas.getImageData(x, y, 1, 1).data.slice(0, 3))));
            };
            image.src = 'data:image/png;base64,' + picture;";
        let arguments = json!([BASE64_STANDARD.encode(picture), points]);
        let colors = self.ask("/execute/async", &json!({ "script": script, "args": arguments }));
        serde_json::from_value(colors).unwrap()
    }

    /// Suspends what draws its pages, or lets it go on.
    pub(crate) fn suspend_pages(&self, is_suspended: bool) {
        let driver = self.driver.child.id();
        let processes: Vec<(u32, u32)> = processes().collect();
        let belongs = |process: u32| {
            let parent =
                |child: &u32| processes.iter().find(|(one, _)| one == child).map(|(_, parent)| *parent);
            std::iter::successors(Some(process), parent).take(20).any(|ancestor| ancestor == driver)
        };
        let draws = |process: u32| {
            let line = fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).contains("--type=renderer")
        };
        let pages: Vec<u32> =
            processes.iter().map(|(one, _)| *one).filter(|one| belongs(*one) && draws(*one)).collect();
        assert!(!pages.is_empty(), "no process draws a page");
        for page in pages {
            let page = Pid::from_raw(page.try_into().unwrap()).unwrap();
            // One may have ended since.
            let _ = kill_process(page, if is_suspended { Signal::STOP } else { Signal::CONT });
        }
    }

    /// Opens another window, or a tab that hides the others of its window, and goes on in it.
    pub(crate) fn open_another(&self, kind: &str) -> String {
        let window = self.ask("/window/new", &json!({ "type": kind }))["handle"].as_str().unwrap().to_owned();
        self.go_to(&window);
        window
    }

    /// Goes on in this window or tab.
    pub(crate) fn go_to(&self, window: &str) {
        self.ask("/window", &json!({ "handle": window }));
    }

    /// Presses the tabulator.
    pub(crate) fn press_tab(&self) {
        let keys =
            json!([{ "type": "keyDown", "value": "\u{e004}" }, { "type": "keyUp", "value": "\u{e004}" }]);
        self.ask("/actions", &json!({ "actions": [{ "type": "key", "id": "keys", "actions": keys }] }));
    }
}

/// Starts chromedriver, and gives its port. It takes a free port of IPv6, and ends if the same one of IPv4 is not free.
fn drive(home: &Path) -> Option<(Process, u16)> {
    let mut command = tied("chromedriver");
    command.arg("--port=0").stdin(Stdio::null()).stdout(Stdio::piped());
    let mut driver = Process::start(command.env("HOME", home));
    let log = Log::read(driver.child.stdout.take().unwrap());
    let mut port = None;
    until("chromedriver has begun or ended", || {
        let said = log.text();
        let line =
            said.split_inclusive('\n').find_map(|line| line.split_once("started successfully on port "));
        port = line
            .filter(|(_, port)| port.ends_with('\n'))
            .map(|(_, port)| port.trim_end().trim_end_matches('.').parse().unwrap());
        port.is_some() || log.is_at_its_end()
    });
    port.map(|port| (driver, port))
}

/// All processes, each with its parent.
fn processes() -> impl Iterator<Item = (u32, u32)> {
    let of = |process: u32| {
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        let parent = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?;
        Some((process, parent))
    };
    let names =
        fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    names.filter_map(of)
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The browser closes its files. If this fails, it ends with chromedriver all the same.
        let _ = self.agent.delete(&self.session).call();
    }
}

/// The browser has processes of its own, which a killed chromedriver does not end.
#[test]
fn a_browser_ends_with_its_driver() {
    let Some(mut browser) = Browser::start() else { return };
    let profile = browser.folder.path().to_str().unwrap().as_bytes().to_vec();
    let belongs = |process: &fs::DirEntry| {
        let line = fs::read(process.path().join("cmdline")).unwrap_or_default();
        line.windows(profile.len()).any(|part| part == profile)
    };
    let count =
        || fs::read_dir("/proc").unwrap().filter(|process| process.as_ref().is_ok_and(belongs)).count();
    assert!(count() > 0);
    browser.driver.child.kill().unwrap();
    until("its processes are gone", || count() == 0);
}
