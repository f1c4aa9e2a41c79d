//! The numbers as Prometheus reads them.

use super::builder::State;
use ::axum::{extract::State as Of, response::IntoResponse};
use http::header;
use metrics_exporter_prometheus::{
    Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};
use std::{fmt, sync::Arc};

/// Bounds of how long loads take.
const SECONDS: [f64; 12] =
    [0.0001, 0.000_5, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

/// Where the numbers are.
pub(crate) enum Exposition {
    /// In a recorder that has these alone, and that nobody has to install.
    Own(Box<PrometheusRecorder>),
    /// In that of the program, with all others.
    Given(PrometheusHandle),
}

impl Exposition {
    pub(crate) fn new(given: Option<PrometheusHandle>) -> Self {
        match given {
            Some(handle) => Self::Given(handle),
            None => {
                let matcher = Matcher::Suffix("_duration_seconds".to_owned());
                let builder = PrometheusBuilder::new().set_buckets_for_metric(matcher, &SECONDS);
                let builder = builder.expect("there are bounds");
                Self::Own(Box::new(builder.build_recorder()))
            }
        }
    }

    fn render(&self, state: &State) -> String {
        let publish = || {
            state.manager.sample();
            state.layers.iter().for_each(|it| it.publish_metrics());
        };
        let handle = match self {
            Self::Own(recorder) => {
                ::metrics::with_local_recorder(&**recorder, publish);
                &recorder.handle()
            }
            Self::Given(handle) => {
                publish();
                handle
            }
        };
        handle.run_upkeep();
        handle.render()
    }
}

impl fmt::Debug for Exposition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Exposition")
    }
}

/// `GET metrics/`
pub(super) async fn metrics(Of(state): Of<Arc<State>>) -> impl IntoResponse {
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], state.exposition.render(&state))
}
