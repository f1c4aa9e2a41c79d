use larder::{cache_method_result, cache_result};
use std::{cell::Cell, rc::Rc};

#[cache_result]
fn f(id: u32) -> Rc<str> {
    Rc::from(id.to_string())
}

struct Shop;

impl Shop {
    #[cache_method_result(skip(self))]
    async fn g(&self, id: u32) -> Option<Cell<u32>> {
        Some(Cell::new(id))
    }
}

fn main() {}
