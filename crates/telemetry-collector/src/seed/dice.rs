//! Chance that can be had again.

/// A source of numbers that looks random and depends on nothing but what it was made from.
#[derive(Debug, Clone)]
pub(super) struct Dice(u64);

impl Dice {
    /// Dice of their own for each combination of parts.
    pub(super) fn of(parts: [u64; 4]) -> Self {
        let mut dice = Self(0x9e37_79b9_7f4a_7c15);
        for part in parts {
            dice.0 ^= part.wrapping_mul(0xff51_afd7_ed55_8ccd);
            dice.next();
        }
        dice
    }

    /// Steele, Lea and Flood's `SplitMix64`.
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// 0 to 1, without 1.
    pub(super) fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub(super) fn below(&mut self, limit: u64) -> u64 {
        (self.share() * limit as f64) as u64
    }

    pub(super) fn chance(&mut self, probability: f64) -> bool {
        self.share() < probability
    }

    /// One of some things, each as often as its weight says.
    pub(super) fn pick<T: Copy, const N: usize>(&mut self, things: &[(T, u32); N]) -> T {
        let total: u32 = things.iter().map(|(_, weight)| weight).sum();
        let mut left = self.below(u64::from(total)) as u32;
        for (thing, weight) in things {
            if left < *weight {
                return *thing;
            }
            left -= weight;
        }
        things[N - 1].0
    }

    /// Around a median, with a long tail: times and sizes are like that.
    pub(super) fn around(&mut self, median: f64, spread: f64) -> f64 {
        // Box and Muller's; 1 - share is never 0.
        let normal = (-2.0 * (1.0 - self.share()).ln()).sqrt() * (std::f64::consts::TAU * self.share()).cos();
        median * (spread * normal).exp()
    }

    /// How many of something that happens `mean` times on average (geometric).
    pub(super) fn count(&mut self, mean: f64) -> u64 {
        ((1.0 - self.share()).ln() / (mean / (1.0 + mean)).ln()) as u64
    }

    /// An id of version 4 whose first half says that it was made up: `5eed…`.
    pub(super) fn id(&mut self) -> uuid::Uuid {
        let bits = (u128::from(self.next()) << 64) | u128::from(self.next());
        let marked = (bits & !(0xffff << 112)) | (0x5eed << 112);
        uuid::Builder::from_random_bytes(marked.to_be_bytes()).into_uuid()
    }

    /// An id of version 7, as clients give to events.
    pub(super) fn event_id(&mut self, at_ms: i64) -> uuid::Uuid {
        let random = ((u128::from(self.next()) << 16) | u128::from(self.next() >> 48)).to_be_bytes();
        let mut bytes = [0; 10];
        bytes.copy_from_slice(&random[6..]);
        uuid::Builder::from_unix_timestamp_millis(at_ms.unsigned_abs(), &bytes).into_uuid()
    }
}
