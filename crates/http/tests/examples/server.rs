//! An example that serves until it is interrupted.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    process::{Child, ChildStdout, Command, Stdio},
};

/// A running example. Killed when it is dropped.
pub(crate) struct Server {
    child: Child,
    output: BufReader<ChildStdout>,
    /// `HOST:PORT`.
    authority: String,
}

impl Server {
    /// Starts it, and waits until it prints where it listens.
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("it can be started");
        let output = BufReader::new(child.stdout.take().expect("its output is a pipe"));
        let mut server = Self { child, output, authority: String::new() };
        let mut line = String::new();
        server.output.read_line(&mut line).expect("text");
        let address = line.strip_prefix("listening on http://").and_then(|it| it.split('/').next());
        address
            .unwrap_or_else(|| panic!("no address in {line:?}"))
            .clone_into(&mut server.authority);
        server
    }

    /// Returns the answer to a request such as `GET /`, with a token unless that is empty.
    pub(crate) fn ask(&self, request: &str, token: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(&self.authority).expect("it listens");
        let (authority, length) = (&self.authority, body.len());
        let mut head = format!(
            "{request} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\ncontent-length: {length}\r\n\
             content-type: application/json\r\n"
        );
        if !token.is_empty() {
            head += &format!("authorization: Bearer {token}\r\n");
        }
        write!(stream, "{head}\r\n{body}").expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("text");
        answer
    }

    /// Interrupts it as a terminal does, and checks that it ends by itself and has printed nothing
    /// more.
    pub(crate) fn interrupt(mut self) {
        let kill = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status();
        assert!(kill.expect("kill").success());
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).expect("text");
        assert_eq!(rest, "");
        let status = self.child.wait().expect("its end");
        assert!(status.success(), "{status}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}
