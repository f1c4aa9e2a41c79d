use larder::{cache_method_result, cache_query, cache_result};

struct Row(u32);

#[cache_result]
fn f(id: u32) -> Result<Row, String> {
    Ok(Row(id))
}

#[cache_query(reads("rows"))]
async fn g(id: u32) -> Option<Vec<Row>> {
    Some(vec![Row(id)])
}

struct Shop;

impl Shop {
    #[cache_method_result(skip(self))]
    fn h(&self, id: u32) -> Row {
        Row(id)
    }
}

fn main() {}
