use larder::cache_method_result;

struct Shop(u32);

impl Shop {
    #[cache_method_result(detached, self_key = self.0)]
    async fn stock(&self) -> u32 {
        self.0
    }
}

fn main() {
    drop(Shop(1).stock());
}
