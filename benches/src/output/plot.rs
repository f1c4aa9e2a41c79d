//! Line plots as SVG files.

use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::prelude::*;

/// The size of a plot, and of the part at its right that names the lines.
const SIZE: (u32, u32) = (900, 520);
const LEGEND: u32 = 190;

/// One colour for each place in a list of caches; the first is drawn thicker.
const COLOURS: [RGBColor; 10] = [
    RGBColor(0xd6, 0x27, 0x28),
    RGBColor(0x1f, 0x77, 0xb4),
    RGBColor(0xff, 0x7f, 0x0e),
    RGBColor(0xe7, 0xa1, 0x6b),
    RGBColor(0x2c, 0xa0, 0x2c),
    RGBColor(0x94, 0x67, 0xbd),
    RGBColor(0x17, 0xbe, 0xcf),
    RGBColor(0x8c, 0x56, 0x4b),
    RGBColor(0x7f, 0x7f, 0x7f),
    RGBColor(0x22, 0x22, 0x22),
];

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
    pub(crate) points: Vec<(f64, f64)>,
}

impl Plot {
    /// Writes the plot.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let drawn = self.draw(path);
        drawn.map_err(|error| anyhow!("cannot write the plot {}: {error}", path.display()))
    }

    /// The lines in drawn coordinates.
    fn scaled(&self) -> impl Iterator<Item = (&Line, Vec<(f64, f64)>)> {
        self.lines.iter().map(|line| {
            let points = line.points.iter().map(|&(x, y)| (x.log(self.base), y));
            (line, points.collect())
        })
    }

    fn draw(&self, path: &Path) -> Result<(), Box<dyn std::error::Error>> {
        let root = SVGBackend::new(path, SIZE).into_drawing_area();
        root.fill(&WHITE)?;
        let (left, right) = root.split_horizontally(SIZE.0 - LEGEND);

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
            .x_labels(if self.base == 2.0 { (high - low).round() as usize + 1 } else { 6 })
            .x_label_formatter(&|x| label(self.base.powf(*x)))
            .y_label_formatter(&|y| label(*y))
            .light_line_style(WHITE)
            .draw()?;
        // The first line last, so that it is on top.
        let lines: Vec<_> = self.scaled().enumerate().collect();
        for (nth, (line, points)) in lines.into_iter().rev() {
            let style = style(nth);
            chart.draw_series(LineSeries::new(points.iter().copied(), style))?;
            let dots = points.iter().map(|&point| Circle::new(point, 3, style.filled()));
            chart.draw_series(dots)?;
            let y = 50 + 24 * nth as i32;
            right.draw(&PathElement::new([(8, y), (36, y)], style))?;
            right.draw(&Text::new(line.name.clone(), (44, y - 7), ("sans-serif", 15)))?;
        }
        root.present()?;
        Ok(())
    }
}

fn style(nth: usize) -> ShapeStyle {
    COLOURS[nth % COLOURS.len()].stroke_width(if nth == 0 { 3 } else { 2 })
}

/// A number with as many digits as an axis needs.
fn label(value: f64) -> String {
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
    use super::*;

    #[test]
    fn a_plot_names_its_axes_and_lines() {
        let path = std::env::temp_dir().join(format!("larder-bench-{}.svg", std::process::id()));
        let line = |name: &str, points: &[(f64, f64)]| Line {
            name: name.to_owned(),
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
        plot.write(&path).unwrap();
        let svg = std::fs::read_to_string(&path).unwrap();
        for part in ["Reads", "threads", "M operations/s", "one", "another", "polyline"] {
            assert!(svg.contains(part), "{part}");
        }
        // A single point, and none.
        plot.lines = vec![line("one", &[(1.0, 30.0)]), line("absent", &[])];
        plot.write(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn labels_are_short() {
        let labels = [0.05, 0.5, 1.0, 2.5, 50.0, 12_000.0, 2_500_000.0].map(label);
        assert_eq!(labels, ["0.05", "0.50", "1", "2.5", "50", "12k", "2.5M"]);
    }
}
