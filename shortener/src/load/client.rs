//! One connection that speaks HTTP/1.1, opened again when the service has closed it.

use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::target::Target;

/// A request as the load knows it.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) path: String,
    /// `Bearer ..`, for who asks.
    pub(super) authorization: Option<HeaderValue>,
    /// JSON.
    pub(super) body: Option<Bytes>,
}

impl Call {
    pub(super) fn get(path: String) -> Self {
        Self { method: Method::GET, path, authorization: None, body: None }
    }

    pub(super) fn send(method: Method, path: String, body: &serde_json::Value) -> Self {
        let body = Some(Bytes::from(body.to_string()));
        Self { method, path, authorization: None, body }
    }

    pub(super) fn from(self, authorization: &HeaderValue) -> Self {
        Self { authorization: Some(authorization.clone()), ..self }
    }
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
    /// What the service says it took itself.
    pub(super) server: Option<Duration>,
    /// Whether the service says that its cache has answered.
    pub(super) hit: bool,
}

/// What came back instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CallError {
    /// No connection was made, or it broke.
    Connection,
    /// The time limit passed.
    Timeout,
}

#[derive(Debug)]
pub(super) struct Connection {
    target: Target,
    host: HeaderValue,
    timeout: Duration,
    sender: Option<SendRequest<Full<Bytes>>>,
}

impl Connection {
    /// Opens nothing yet.
    pub(super) fn new(target: &Target, timeout: Duration) -> Self {
        let host = HeaderValue::from_str(&target.authority).expect("an authority is visible ASCII");
        Self { target: target.clone(), host, timeout, sender: None }
    }

    /// Sends `call` and reads the answer to its end.
    pub(super) async fn send(&mut self, call: Call) -> Result<Answer, CallError> {
        // Whatever ends this early leaves the connection in a state that nobody knows.
        let sender = self.sender.take();
        let (sender, answer) = tokio::time::timeout(self.timeout, self.exchange(sender, call))
            .await
            .map_err(|_| CallError::Timeout)??;
        self.sender = Some(sender);
        Ok(answer)
    }

    async fn exchange(
        &self,
        sender: Option<SendRequest<Full<Bytes>>>,
        call: Call,
    ) -> Result<(SendRequest<Full<Bytes>>, Answer), CallError> {
        let mut usable = None;
        if let Some(mut sender) = sender
            && sender.ready().await.is_ok()
        {
            usable = Some(sender);
        }
        let mut sender = match usable {
            Some(sender) => sender,
            None => self.open().await?,
        };
        let mut request =
            Request::builder().method(call.method).uri(call.path).header(HOST, self.host.clone());
        if let Some(authorization) = call.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        if call.body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let request = request
            .body(Full::new(call.body.unwrap_or_default()))
            .map_err(|_| CallError::Connection)?;
        let response = sender.send_request(request).await.map_err(|_| CallError::Connection)?;
        let status = response.status();
        let server = server_time(response.headers());
        let hit = is_hit(response.headers());
        let body = response.into_body().collect().await.map_err(|_| CallError::Connection)?;
        Ok((sender, Answer { status, body: body.to_bytes(), server, hit }))
    }

    async fn open(&self) -> Result<SendRequest<Full<Bytes>>, CallError> {
        let open = async {
            let stream = TcpStream::connect(self.target.address).await.ok()?;
            stream.set_nodelay(true).ok()?;
            let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
            // Ends with the sender; how it ended, the request that needed it tells.
            tokio::spawn(async { drop(connection.await) });
            Some(sender)
        };
        open.await.ok_or(CallError::Connection)
    }
}

/// The metric `app` of the field `Server-Timing`, which counts milliseconds.
fn server_time(headers: &HeaderMap) -> Option<Duration> {
    let fields = headers.get_all("server-timing").iter().filter_map(|field| field.to_str().ok());
    let mut metrics = fields.flat_map(|field| field.split(','));
    let millis = metrics.find_map(|metric| {
        let mut parts = metric.split(';').map(str::trim);
        (parts.next() == Some("app")).then_some(())?;
        parts.find_map(|part| part.strip_prefix("dur=")?.parse::<f64>().ok())
    })?;
    Duration::try_from_secs_f64(millis / 1e3).ok()
}

/// The parameter `hit` of the field `Cache-Status`.
fn is_hit(headers: &HeaderMap) -> bool {
    let fields = headers.get_all("cache-status").iter().filter_map(|field| field.to_str().ok());
    let mut parameters = fields.flat_map(|field| field.split([',', ';']));
    parameters.any(|parameter| parameter.trim() == "hit")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_the_service_is_read_from_its_field() {
        let headers = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append("server-timing", HeaderValue::from_static(value));
            }
            headers
        };
        for values in
            [&["app;dur=1.5"][..], &["db;dur=9, app;desc=\"all\";dur=1.5"], &["db", "app; dur=1.5"]]
        {
            assert_eq!(server_time(&headers(values)), Some(Duration::from_micros(1_500)));
        }
        for values in [&[][..], &["db;dur=1"], &["app"], &["app;dur=soon"], &["app;dur=-1"]] {
            assert_eq!(server_time(&headers(values)), None, "{values:?}");
        }
    }

    #[test]
    fn a_hit_is_what_its_field_says() {
        for (value, hit) in [
            ("larder; hit; ttl=30", true),
            ("larder; fwd=uri-miss; stored, outer; hit", true),
            ("larder; fwd=uri-miss; stored", false),
            ("hitter; fwd=miss; detail=hits", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.append("cache-status", HeaderValue::from_static(value));
            assert_eq!(is_hit(&headers), hit, "{value}");
        }
        assert!(!is_hit(&HeaderMap::new()));
    }
}
