use larder::cache_result;

#[cache_result(detached)]
async fn f(number: u32, text: &str) -> usize {
    text.len() + number as usize
}

fn main() {
    drop(f(1, "a"));
}
