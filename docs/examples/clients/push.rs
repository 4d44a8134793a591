// SPDX-License-Identifier: MIT
// One push over zbus 5 that waits for its reply, at most two seconds. zbus itself waits without end (`method_timeout` is in newer
// versions than Debian 13's), so the push has a thread of its own.
use std::{sync::mpsc, thread, time::Duration};
use zbus::{blocking::Connection, zvariant::Value};

const NAME: &str = "org.telemetryd.Telemetry1";
const PATH: &str = "/org/telemetryd/Telemetry1";

fn push(source: &str, value: Value<'_>) -> zbus::Result<()> {
    let bus = Connection::session()?;
    bus.call_method(Some(NAME), PATH, Some(NAME), "Push", &("org.example.Painter", source, value))?;
    Ok(())
}

fn main() {
    let (done, waiting) = mpsc::channel();
    thread::spawn(move || {
        // An error is nobody's: where telemetryd is not installed, nothing else happens.
        let _ = done.send(push("undo", Value::from(3u32)));
    });
    let _ = waiting.recv_timeout(Duration::from_secs(2));
}
