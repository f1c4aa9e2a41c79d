//! Pictures of tables as SVG: names down, values across, a mark for each value.

use anyhow::{Result, anyhow};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::plot::label;
use super::style::Style;

/// A picture of a table.
pub(crate) struct Dots {
    pub(crate) title: String,
    /// What the axis shows, with its unit.
    pub(crate) x: &'static str,
    pub(crate) scale: Scale,
    pub(crate) rows: Vec<String>,
    pub(crate) series: Vec<Series>,
}

/// How values become places on the axis.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Scale {
    /// From 0.
    Linear,
    /// From the power of ten, or twice or five times that, below the least value.
    Logarithmic,
}

/// The values of one cache, or of one kind.
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) style: Style,
    /// One for each row.
    pub(crate) values: Vec<Option<f64>>,
}

/// Pixels: above the rows, below them, beside them, and of the part that names the series.
const TOP: i32 = 44;
const BOTTOM: i32 = 56;
const MARGIN: i32 = 14;
const LEGEND: i32 = 150;

/// The width of the axis.
const WIDTH: i32 = 520;

/// The height of a mark's own line in a row: marks of equal values do not cover each other.
const LINE: i32 = 8;

/// The space between rows.
const GAP: i32 = 10;

/// The height of a line in the legend.
const ENTRY: i32 = 22;

/// The width of a letter in a row's name, about.
const LETTER: f64 = 6.6;

impl Dots {
    /// Returns the picture as SVG.
    pub(crate) fn svg(&self) -> Result<String> {
        let mut svg = String::new();
        self.draw(&mut svg).map_err(|error| anyhow!("cannot draw {}: {error}", self.title))?;
        Ok(svg)
    }

    fn draw(&self, svg: &mut String) -> Result<(), Box<dyn std::error::Error>> {
        let longest = self.rows.iter().map(|name| name.chars().count()).max().unwrap_or(0);
        let left = MARGIN + (longest as f64 * LETTER) as i32 + 10;
        let row = self.series.len() as i32 * LINE + GAP;
        let bottom = TOP + (row * self.rows.len() as i32).max(ENTRY * self.series.len() as i32);
        let size = (left + WIDTH + 20 + LEGEND, bottom + BOTTOM);
        let root = SVGBackend::with_string(svg, (size.0 as u32, size.1 as u32)).into_drawing_area();
        root.fill(&WHITE)?;
        let text = |size: i32, across, down| {
            TextStyle::from(("sans-serif", size)).pos(Pos::new(across, down))
        };
        let middle = left + WIDTH / 2;
        let caption = text(17, HPos::Center, VPos::Center);
        root.draw(&Text::new(self.title.clone(), (size.0 / 2, TOP / 2), caption))?;

        for (nth, name) in self.rows.iter().enumerate() {
            let top = TOP + nth as i32 * row;
            if nth % 2 == 0 {
                let band = [(MARGIN, top), (left + WIDTH, top + row)];
                root.draw(&Rectangle::new(band, RGBColor(0xf3, 0xf3, 0xf3).filled()))?;
            }
            let right = text(13, HPos::Right, VPos::Center);
            root.draw(&Text::new(name.clone(), (left - 8, top + row / 2), right))?;
        }

        let axis = Axis::new(self.scale, self.values());
        let grid = RGBColor(0xc8, 0xc8, 0xc8);
        for &tick in &axis.ticks {
            let x = left + axis.place(tick);
            root.draw(&PathElement::new([(x, TOP), (x, bottom + 4)], grid))?;
            let below = text(13, HPos::Center, VPos::Top);
            root.draw(&Text::new(label(tick), (x, bottom + 8), below))?;
        }
        root.draw(&PathElement::new([(left, bottom), (left + WIDTH, bottom)], BLACK))?;
        let below = text(14, HPos::Center, VPos::Top);
        root.draw(&Text::new(self.x, (middle, bottom + 28), below))?;

        for (nth, series) in self.series.iter().enumerate() {
            let offset = GAP / 2 + LINE / 2 + nth as i32 * LINE;
            for (at, value) in series.values.iter().enumerate() {
                let Some(value) = *value else { continue };
                let y = TOP + at as i32 * row + offset;
                series.style.draw(&root, (left + axis.place(value), y))?;
            }
            let (x, y) = (left + WIDTH + 24, TOP + ENTRY / 2 + nth as i32 * ENTRY);
            series.style.draw(&root, (x, y))?;
            let name = text(13, HPos::Left, VPos::Center);
            root.draw(&Text::new(series.name.clone(), (x + 12, y), name))?;
        }
        root.present()?;
        Ok(())
    }

    fn values(&self) -> impl Iterator<Item = f64> + Clone {
        self.series.iter().flat_map(|series| series.values.iter().flatten().copied())
    }
}

/// The axis of the values.
struct Axis {
    scale: Scale,
    ticks: Vec<f64>,
}

impl Axis {
    /// From the greatest tick at or below all values to the least one at or above them.
    fn new(scale: Scale, values: impl Iterator<Item = f64> + Clone) -> Self {
        let least = values.clone().fold(f64::INFINITY, f64::min);
        let most = values.fold(0.0, f64::max);
        let most = if most > 0.0 { most } else { 1.0 };
        let ticks = match scale {
            Scale::Linear => {
                let step = round_up(most / 6.0);
                let last = (most / step).ceil() as usize;
                (0..=last).map(|nth| nth as f64 * step).collect()
            }
            Scale::Logarithmic => {
                let least = least.clamp(most / 1e9, most);
                // Three for each power of ten.
                let of = |nth: i32| {
                    [1.0, 2.0, 5.0][nth.rem_euclid(3) as usize] * 10f64.powi(nth.div_euclid(3))
                };
                let first = 3 * least.log10().floor() as i32;
                let first = (first..).take_while(|&nth| of(nth) <= least).last().unwrap_or(first);
                let last = (first + 1..).find(|&nth| of(nth) >= most).unwrap_or(first + 1);
                (first..=last).map(of).collect()
            }
        };
        Self { scale, ticks }
    }

    /// Pixels from the axis' left end.
    fn place(&self, value: f64) -> i32 {
        let (low, high) = (self.ticks[0], self.ticks[self.ticks.len() - 1]);
        let share = match self.scale {
            Scale::Linear => (value - low) / (high - low),
            Scale::Logarithmic => (value / low).ln() / (high / low).ln(),
        };
        (share.clamp(0.0, 1.0) * f64::from(WIDTH)).round() as i32
    }
}

/// The least of 1, 2 and 5 times a power of ten that is not below `value`.
fn round_up(value: f64) -> f64 {
    let power = 10f64.powf(value.log10().floor());
    let times = [1.0, 2.0, 5.0].into_iter().find(|times| times * power >= value);
    times.unwrap_or(10.0) * power
}

#[cfg(test)]
mod tests {
    use super::super::style::Mark;
    use super::*;

    fn ticks(scale: Scale, values: &[f64]) -> Vec<f64> {
        Axis::new(scale, values.iter().copied()).ticks
    }

    #[test]
    fn the_axis_reaches_from_below_all_values_to_above_them() {
        let (linear, logarithmic) = (Scale::Linear, Scale::Logarithmic);
        assert_eq!(ticks(linear, &[3.0, 86.0]), [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        assert_eq!(ticks(logarithmic, &[8.79, 30.0]), [5.0, 10.0, 20.0, 50.0]);
        assert_eq!(ticks(logarithmic, &[10.0, 100.0]), [10.0, 20.0, 50.0, 100.0]);
        // One value alone, and none.
        assert_eq!(ticks(logarithmic, &[7.0]), [5.0, 10.0]);
        assert!(ticks(logarithmic, &[]).len() >= 2 && ticks(linear, &[]).len() >= 2);
        let axis = Axis::new(logarithmic, [10.0, 1_000.0].into_iter());
        assert_eq!([10.0, 100.0, 1_000.0].map(|value| axis.place(value)), [0, WIDTH / 2, WIDTH]);
    }

    #[test]
    fn a_picture_names_its_axis_rows_and_series_and_marks_each_value() {
        let series = |name: &str, mark, values: &[Option<f64>]| Series {
            name: name.to_owned(),
            style: Style::new(0xd62728, mark),
            values: values.to_vec(),
        };
        let picture = Dots {
            title: "Bytes".to_owned(),
            x: "bytes per entry",
            scale: Scale::Linear,
            rows: vec!["larder".to_owned(), "moka".to_owned()],
            series: vec![
                series("full", Mark::Disc, &[Some(18.0), Some(220.0)]),
                series("steady", Mark::Disc, &[Some(18.0), None]),
            ],
        };
        let svg = picture.svg().unwrap();
        for part in ["Bytes", "bytes per entry", "larder", "moka", "full", "steady"] {
            assert!(svg.contains(part), "{part} in\n{svg}");
        }
        // Three values, and one mark for each series in the legend.
        assert_eq!(svg.matches("<circle").count(), 3 + 2);
    }
}
