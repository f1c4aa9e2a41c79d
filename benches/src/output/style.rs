//! How a line or a series looks, and the marks that are drawn for its values.
//!
//! A mark differs from the others in colour and in shape, so that it can be told without colours.

use plotters::backend::SVGBackend;
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind};
use plotters::prelude::*;

/// The area of a whole picture.
pub(super) type Root<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Why a picture could not be drawn.
pub(super) type Failed<'a> =
    DrawingAreaErrorKind<<SVGBackend<'a> as plotters::backend::DrawingBackend>::ErrorType>;

/// The looks of one line or series.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Style {
    colour: (u8, u8, u8),
    mark: Mark,
}

/// The shape that stands for a value.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Mark {
    Disc,
    Square,
    Triangle,
    Diamond,
    Cross,
}

impl Style {
    /// A colour as `0xRRGGBB`, and a mark.
    pub(crate) const fn new(colour: u32, mark: Mark) -> Self {
        let [_, red, green, blue] = colour.to_be_bytes();
        Self { colour: (red, green, blue), mark }
    }

    fn colour(self) -> RGBColor {
        let (red, green, blue) = self.colour;
        RGBColor(red, green, blue)
    }

    /// For lines.
    pub(super) fn line(self) -> ShapeStyle {
        self.colour().stroke_width(2)
    }

    /// Draws the mark; `at` counts pixels from the picture's corner.
    pub(super) fn draw<'a>(self, root: &Root<'a>, at: (i32, i32)) -> Result<(), Failed<'a>> {
        let (x, y) = at;
        let filled = self.colour().filled();
        match self.mark {
            Mark::Disc => root.draw(&Circle::new(at, 4, filled)),
            Mark::Square => root.draw(&Rectangle::new([(x - 3, y - 3), (x + 3, y + 3)], filled)),
            Mark::Triangle => root.draw(&Polygon::new(
                vec![(x - 4, y + 3), (x + 4, y + 3), (x, y - 4)],
                self.colour(),
            )),
            Mark::Diamond => root.draw(&Polygon::new(
                vec![(x - 4, y), (x, y - 4), (x + 4, y), (x, y + 4)],
                self.colour(),
            )),
            Mark::Cross => root.draw(&Cross::new(at, 3, self.line())),
        }
    }
}
