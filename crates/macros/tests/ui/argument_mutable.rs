use larder::cache_result;

#[cache_result]
fn f(buffer: &mut Vec<u8>) -> usize {
    buffer.len()
}

fn main() {}
