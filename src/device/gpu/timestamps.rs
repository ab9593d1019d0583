//! Timestamps before and after dispatches.
//!
//! Each timed dispatch has a pass of its own, because every adapter with timestamps can write them at both ends of a
//! pass, but only some can inside one. Both are written after all earlier work is done, so a dispatch's time contains
//! no other work.

use super::handles::Handles;
use crate::device::profile::Dispatch;
use crate::error::{Error, Result};

/// Bytes of a timestamp.
const BYTES: u64 = size_of::<u64>() as u64;

pub(super) struct Timestamps {
    /// Two for each dispatch of a batch.
    queries: wgpu::QuerySet,
    resolved: wgpu::Buffer,
    /// The timed dispatches of the batch that is being recorded.
    recorded: Vec<Dispatch>,
    /// The timed dispatches of earlier batches, each with the buffer of its timestamps.
    submitted: Vec<(wgpu::Buffer, Vec<Dispatch>)>,
}

impl Timestamps {
    /// Timestamps for batches of at most `batch` dispatches.
    pub(super) fn new(handles: &Handles, batch: u64) -> Timestamps {
        let count = 2 * batch;
        let queries = handles.device.create_query_set(&wgpu::QuerySetDescriptor {
            label: Some("timestamps"),
            ty: wgpu::QueryType::Timestamp,
            count: count as u32,
        });
        let resolved = handles.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("timestamps"),
            size: count * BYTES,
            usage: wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC,
            mapped_at_creation: false,
        });
        Timestamps { queries, resolved, recorded: Vec::new(), submitted: Vec::new() }
    }

    /// A pass for one dispatch. The pass times it.
    pub(super) fn pass(
        &mut self,
        encoder: &mut wgpu::CommandEncoder,
        dispatch: Dispatch,
    ) -> wgpu::ComputePass<'static> {
        let first = 2 * self.recorded.len() as u32;
        self.recorded.push(dispatch);
        let descriptor = wgpu::ComputePassDescriptor {
            label: Some(dispatch.kernel),
            timestamp_writes: Some(wgpu::ComputePassTimestampWrites {
                query_set: &self.queries,
                beginning_of_pass_write_index: Some(first),
                end_of_pass_write_index: Some(first + 1),
            }),
        };
        encoder.begin_compute_pass(&descriptor).forget_lifetime()
    }

    /// Ends a batch: copies its timestamps to a buffer that the host can read.
    pub(super) fn resolve(&mut self, handles: &Handles, encoder: &mut wgpu::CommandEncoder) {
        if self.recorded.is_empty() {
            return;
        }
        let dispatches = std::mem::take(&mut self.recorded);
        let count = 2 * dispatches.len() as u64;
        let readable = handles.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("timestamps"),
            size: count * BYTES,
            usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        encoder.resolve_query_set(&self.queries, 0..count as u32, &self.resolved, 0);
        encoder.copy_buffer_to_buffer(&self.resolved, 0, &readable, 0, count * BYTES);
        self.submitted.push((readable, dispatches));
    }

    /// The dispatches of all submitted batches with their times, counted from the start of the first.
    pub(super) fn take(&mut self, handles: &Handles) -> Result<Vec<Dispatch>> {
        let batches = std::mem::take(&mut self.submitted);
        for (buffer, _) in &batches {
            // An error of the mapping appears below, where the range is read.
            buffer.map_async(wgpu::MapMode::Read, .., |_| ());
        }
        handles.wait()?;
        let tick = f64::from(handles.queue.get_timestamp_period()) * 1e-9;
        let mut origin = None;
        let mut busy_until = 0;
        let mut timed = Vec::new();
        for (buffer, dispatches) in batches {
            let range = buffer.get_mapped_range(..).map_err(|e| Error::DeviceLost {
                device: handles.name.clone(),
                reason: format!("timestamps could not be read back: {e}"),
            })?;
            let ends: Vec<[u64; 2]> = range
                .chunks_exact(2 * BYTES as usize)
                .map(|pair| {
                    [bytemuck::pod_read_unaligned(&pair[..8]), bytemuck::pod_read_unaligned(&pair[8..])]
                })
                .collect();
            for (dispatch, [begin, end]) in dispatches.into_iter().zip(ends) {
                let [begin, end] = after(&mut busy_until, [begin, end]);
                let origin = *origin.get_or_insert(begin);
                let start = begin.saturating_sub(origin) as f64 * tick;
                timed.push(Dispatch { start, seconds: end.saturating_sub(begin) as f64 * tick, ..dispatch });
            }
        }
        Ok(timed)
    }
}

/// The part of a dispatch's time in which none before it ran. A dispatch that does not depend on those before it may
/// begin while they run; with this part alone, the times of all dispatches add up to the time of the whole.
/// `busy_until` is the end of all dispatches before it, then also of this one.
fn after(busy_until: &mut u64, [begin, end]: [u64; 2]) -> [u64; 2] {
    let begin = begin.max(*busy_until);
    *busy_until = end.max(begin);
    [begin, *busy_until]
}

#[cfg(test)]
mod tests {
    use super::after;

    #[test]
    fn time_that_dispatches_share_counts_once() {
        let mut busy_until = 0;
        let parts =
            [[10, 20], [20, 30], [25, 45], [26, 40], [50, 60]].map(|times| after(&mut busy_until, times));
        assert_eq!(parts, [[10, 20], [20, 30], [30, 45], [45, 45], [50, 60]]);
    }
}
