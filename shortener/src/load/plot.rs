//! An SVG picture of a run: latency over time, and latency by percentile for each endpoint.

use std::fmt::Write;

use super::mix::Endpoint;
use super::report::time;
use super::tally::Outcome;

const WIDTH: f64 = 960.0;
const PANEL: f64 = 300.0;
const LEFT: f64 = 80.0;
const RIGHT: f64 = 130.0;
const TOP: f64 = 40.0;
const GAP: f64 = 80.0;
/// Told apart with the usual kinds of colour blindness (Okabe and Ito).
const COLOURS: [&str; 7] =
    ["#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#7f7f7f"];
/// Percentiles up to this are shown.
const MOST_NINES: f64 = 4.0;

/// Draws both panels.
pub(super) fn draw(outcome: &Outcome) -> String {
    let height = TOP + 2.0 * PANEL + 2.0 * GAP;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
         height=\"{height}\" role=\"img\" aria-label=\"Latency of a load\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n"
    );
    over_time(&mut svg, outcome);
    by_percentile(&mut svg, outcome);
    svg.push_str("</svg>\n");
    svg
}

fn over_time(svg: &mut String, outcome: &Outcome) {
    let slices: Vec<_> =
        outcome.slices.iter().enumerate().filter(|(_, slice)| !slice.is_empty()).collect();
    let line = |quantile: f64| -> Vec<(f64, f64)> {
        slices
            .iter()
            .map(|(number, slice)| (*number as f64 + 0.5, slice.value_at_quantile(quantile) as f64))
            .collect()
    };
    let lines = [("p50", line(0.5)), ("p90", line(0.9)), ("p99", line(0.99)), ("max", line(1.0))];
    let seconds = outcome.slice.as_secs_f64();
    let slices = outcome.slices.len() as f64;
    let ticks = (0..=4).map(|tick| {
        let at = slices * f64::from(tick) / 4.0;
        (at, format!("{:.1} s", at * seconds))
    });
    let panel = Panel {
        title: "Latency of all requests over time",
        top: TOP,
        across: (0.0, slices),
        ticks: ticks.collect(),
    };
    panel.draw(svg, &lines.map(|(name, points)| (name, points)));
}

fn by_percentile(svg: &mut String, outcome: &Outcome) {
    let line = |(endpoint, tally): &(Endpoint, super::tally::Tally)| {
        let steps = (MOST_NINES * 25.0) as u32;
        let points = (0..=steps).map(|step| f64::from(step) / 25.0).map(|nines| {
            let quantile = 1.0 - 10_f64.powf(-nines);
            (nines, tally.latency.value_at_quantile(quantile) as f64)
        });
        let shown = if tally.latency.is_empty() { Vec::new() } else { points.collect() };
        (endpoint.name(), shown)
    };
    let lines: Vec<_> = outcome.endpoints.iter().map(line).collect();
    let ticks = [(0.0, "0 %"), (0.301, "50 %"), (1.0, "90 %"), (2.0, "99 %"), (3.0, "99.9 %")];
    let last = [(MOST_NINES, "99.99 %")];
    let panel = Panel {
        title: "Latency by percentile",
        top: TOP + PANEL + GAP,
        across: (0.0, MOST_NINES),
        ticks: ticks.into_iter().chain(last).map(|(at, text)| (at, text.to_owned())).collect(),
    };
    panel.draw(svg, &lines);
}

/// A plot with a logarithmic axis of nanoseconds.
#[derive(Debug)]
struct Panel {
    title: &'static str,
    top: f64,
    across: (f64, f64),
    ticks: Vec<(f64, String)>,
}

impl Panel {
    fn draw(&self, svg: &mut String, lines: &[(&str, Vec<(f64, f64)>)]) {
        let values = || lines.iter().flat_map(|(_, points)| points.iter().map(|point| point.1));
        let lowest = values().fold(f64::INFINITY, f64::min).max(1.0);
        let highest = values().fold(1.0, f64::max);
        let (lowest, highest) = if lowest.is_finite() { (lowest, highest) } else { (1e3, 1e6) };
        let (from, to) = (lowest.log10().floor(), (highest.log10() + 1e-9).ceil());
        let to = to.max(from + 1.0);
        let x = |value: f64| {
            let part = (value - self.across.0) / (self.across.1 - self.across.0);
            LEFT + part * (WIDTH - LEFT - RIGHT)
        };
        let y =
            |value: f64| self.top + PANEL * (1.0 - (value.max(1.0).log10() - from) / (to - from));
        let (left, right, bottom) = (x(self.across.0), x(self.across.1), self.top + PANEL);
        put(
            svg,
            format_args!(
                "<text x=\"{left}\" y=\"{}\" font-size=\"14\" font-weight=\"bold\">{}</text>",
                self.top - 14.0,
                self.title
            ),
        );
        for power in from as i32..=to as i32 {
            let value = 10_f64.powi(power);
            let at = y(value);
            put(
                svg,
                format_args!(
                    "<path d=\"M{left} {at:.1}H{right}\" stroke=\"#dddddd\"/>\
                 <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                    left - 8.0,
                    at + 4.0,
                    time(value / 1e9)
                ),
            );
        }
        for (value, text) in &self.ticks {
            let at = x(*value);
            put(
                svg,
                format_args!(
                    "<path d=\"M{at:.1} {}V{bottom}\" stroke=\"#eeeeee\"/>\
                 <text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{text}</text>",
                    self.top,
                    bottom + 18.0
                ),
            );
        }
        for (number, (name, points)) in lines.iter().enumerate() {
            let colour = COLOURS[number % COLOURS.len()];
            let path: Vec<_> =
                points.iter().map(|&(a, b)| format!("{:.1},{:.1}", x(a), y(b))).collect();
            put(
                svg,
                format_args!(
                    "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\">\
                 <title>{name}</title></polyline>",
                    path.join(" ")
                ),
            );
            let row = self.top + 10.0 + 20.0 * number as f64;
            put(
                svg,
                format_args!(
                    "<path d=\"M{} {row}h20\" stroke=\"{colour}\" stroke-width=\"3\"/>\
                 <text x=\"{}\" y=\"{}\">{name}</text>",
                    right + 16.0,
                    right + 42.0,
                    row + 4.0
                ),
            );
        }
    }
}

fn put(svg: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(svg, "{line}").expect("a string takes everything");
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::tally::{Tallies, Timing};
    use super::*;

    fn points<'a>(svg: &'a str, name: &str) -> Vec<(f64, f64)> {
        let title = format!("<title>{name}</title>");
        let line = svg.lines().find(|line| line.contains(&title)).unwrap();
        let (_, rest) = line.split_once("points=\"").unwrap();
        let number = |text: &'a str| text.parse::<f64>().unwrap();
        let pair =
            |text: &'a str| text.split_once(',').map(|(a, b)| (number(a), number(b))).unwrap();
        rest.split_once('"')
            .unwrap()
            .0
            .split(' ')
            .filter(|text| !text.is_empty())
            .map(pair)
            .collect()
    }

    #[test]
    fn slower_answers_stand_higher() {
        let tallies = Tallies::new(Duration::ZERO, Duration::from_secs(60));
        for second in 0..60 {
            let due = Duration::from_secs(second);
            let done = due + Duration::from_millis(if second < 30 { 1 } else { 100 });
            let timing = Timing { due, sent: due, done, server: None, hit: false, bytes: 0 };
            tallies.answered(Endpoint::List, timing);
        }
        let svg = draw(&tallies.finish());
        let median = points(&svg, "p50");
        assert_eq!(median.len(), 60);
        assert!(median[0].0 < median[59].0, "time goes to the right");
        // Two of the powers of ten that the axis has.
        assert!((median[0].1 - median[59].1 - 2.0 * PANEL / 3.0).abs() < PANEL / 3.0);
        let list = points(&svg, "list");
        assert!(list.is_sorted_by(|a, b| a.0 < b.0 && a.1 >= b.1), "{list:?}");
        assert!(svg.contains("100.00 ms") && svg.contains("99.9 %"));
    }

    #[test]
    fn a_run_without_answers_is_drawn_empty() {
        let tallies = Tallies::new(Duration::ZERO, Duration::from_secs(1));
        let svg = draw(&tallies.finish());
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n"));
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }
}
