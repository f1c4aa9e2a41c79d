use larder::cache_result;

struct Row(u32);

#[cache_result]
fn f(id: u32) -> Result<Row, String> {
    Ok(Row(id))
}

fn main() {}
