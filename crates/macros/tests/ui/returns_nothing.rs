use larder::cache_result;

#[cache_result]
fn f(id: u32) {
    println!("{id}");
}

fn main() {}
