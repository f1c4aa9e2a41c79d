//! Line plots as SVG.

use anyhow::{Result, anyhow};
use plotters::prelude::*;

use super::style::Style;

/// The size of a plot, and of the part at its right that names the lines.
const SIZE: (u32, u32) = (900, 520);
const LEGEND: u32 = 190;

/// A plot of lines over a logarithmic axis.
pub(crate) struct Plot {
    pub(crate) title: String,
    pub(crate) x: &'static str,
    pub(crate) y: &'static str,
    /// The base of the logarithm: 2 for threads, 10 for capacities.
    pub(crate) base: f64,
    pub(crate) lines: Vec<Line>,
}

/// One line.
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) style: Style,
    pub(crate) points: Vec<(f64, f64)>,
}

impl Plot {
    /// Returns the plot as SVG.
    pub(crate) fn svg(&self) -> Result<String> {
        let mut svg = String::new();
        self.draw(&mut svg).map_err(|error| anyhow!("cannot draw {}: {error}", self.title))?;
        Ok(svg)
    }

    /// The lines in drawn coordinates.
    fn scaled(&self) -> impl Iterator<Item = (&Line, Vec<(f64, f64)>)> {
        self.lines.iter().map(|line| {
            let points = line.points.iter().map(|&(x, y)| (x.log(self.base), y));
            (line, points.collect())
        })
    }

    fn draw(&self, svg: &mut String) -> Result<(), Box<dyn std::error::Error>> {
        let root = SVGBackend::with_string(svg, SIZE).into_drawing_area();
        root.fill(&WHITE)?;
        let (left, _) = root.split_horizontally(SIZE.0 - LEGEND);

        let points = || self.scaled().flat_map(|(_, points)| points);
        let low = points().map(|(x, _)| x).fold(f64::INFINITY, f64::min);
        let high = points().map(|(x, _)| x).fold(f64::NEG_INFINITY, f64::max);
        let top = points().map(|(_, y)| y).fold(0.0, f64::max);
        // One point alone still needs an axis.
        let (low, high) = if low < high { (low, high) } else { (low - 0.5, low + 0.5) };
        let top = if top > 0.0 { top * 1.05 } else { 1.0 };

        let mut chart = ChartBuilder::on(&left)
            .caption(&self.title, ("sans-serif", 18))
            .margin(12)
            .x_label_area_size(44)
            .y_label_area_size(60)
            .build_cartesian_2d(low..high, 0.0..top)?;
        chart
            .configure_mesh()
            .x_desc(self.x)
            .y_desc(self.y)
            .axis_desc_style(("sans-serif", 16))
            // Powers of the base.
            .x_labels((high - low).round() as usize + 1)
            .x_label_formatter(&|x| label(self.base.powf(*x)))
            .y_label_formatter(&|y| label(*y))
            .light_line_style(WHITE)
            .draw()?;
        // The first line last, so that it is on top.
        let lines: Vec<_> = self.scaled().enumerate().collect();
        for (nth, (line, points)) in lines.into_iter().rev() {
            chart.draw_series(LineSeries::new(points.iter().copied(), line.style.line()))?;
            for point in &points {
                line.style.draw(&root, chart.plotting_area().map_coordinate(point))?;
            }
            let (x, y) = (SIZE.0 - LEGEND, 50 + 24 * nth as i32);
            let x = x as i32;
            root.draw(&PathElement::new([(x + 8, y), (x + 36, y)], line.style.line()))?;
            line.style.draw(&root, (x + 22, y))?;
            root.draw(&Text::new(line.name.clone(), (x + 44, y - 7), ("sans-serif", 15)))?;
        }
        root.present()?;
        Ok(())
    }
}

/// A number with as many digits as an axis needs.
pub(super) fn label(value: f64) -> String {
    match value {
        v if v >= 1e6 => format!("{:.1}M", v / 1e6),
        v if v >= 1e4 => format!("{:.0}k", v / 1e3),
        v if v >= 10.0 || (v - v.round()).abs() < 1e-6 => format!("{v:.0}"),
        v if v >= 1.0 => format!("{v:.1}"),
        v => format!("{v:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::style::Mark;
    use super::*;

    #[test]
    fn a_plot_names_its_axes_and_lines() {
        let line = |name: &str, points: &[(f64, f64)]| Line {
            name: name.to_owned(),
            style: Style::new(0xd62728, Mark::Disc),
            points: points.to_vec(),
        };
        let mut plot = Plot {
            title: "Reads".to_owned(),
            x: "threads",
            y: "M operations/s",
            base: 2.0,
            lines: vec![
                line("one", &[(1.0, 30.0), (2.0, 60.0)]),
                line("another", &[(1.0, 20.0), (2.0, 25.0)]),
            ],
        };
        let svg = plot.svg().unwrap();
        for part in ["Reads", "threads", "M operations/s", "one", "another", "polyline"] {
            assert!(svg.contains(part), "{part}");
        }
        // A single point, and none.
        plot.lines = vec![line("one", &[(1.0, 30.0)]), line("absent", &[])];
        plot.svg().unwrap();
    }

    #[test]
    fn labels_are_short() {
        let labels = [0.05, 0.5, 1.0, 2.5, 50.0, 12_000.0, 2_500_000.0].map(label);
        assert_eq!(labels, ["0.05", "0.50", "1", "2.5", "50", "12k", "2.5M"]);
    }
}
