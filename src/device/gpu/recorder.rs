//! The recorder. It records many dispatches into one pass and submits them together. It is also the only place where
//! host and GPU exchange data.

use super::handles::{Handles, Slot};
use super::pipeline::{PARAMS_BYTES, Pipeline, scalars_layout};
use super::timestamps::Timestamps;
use crate::device::buffer::Storage;
use crate::device::profile::Dispatch;
use crate::device::{ALIGNMENT, Operand};
use crate::error::{Error, Result};
use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard};

/// A batch is submitted after this many dispatches, so that the GPU computes while the host records more. A training
/// step has fewer and is submitted earlier, when the inputs of the next step are written to memory that it reads.
const BATCH: u64 = 1024;

/// The most cached bind groups. A training loop needs one per dispatch of a step.
const BIND_GROUPS: usize = 1 << 14;

/// The most workgroups in one dimension.
const DIMENSION: u64 = 65_535;

pub(super) struct Recorder(Mutex<Open>);

struct Open {
    /// The number of the batch that is being recorded; the first is 1.
    batch: u64,
    encoder: Option<wgpu::CommandEncoder>,
    pass: Option<wgpu::ComputePass<'static>>,
    dispatches: u64,
    bind_groups: HashMap<BindKey, wgpu::BindGroup>,
    scalars: Scalars,
    staging: Option<wgpu::Buffer>,
    /// Created when the first dispatch is timed.
    timestamps: Option<Timestamps>,
}

/// The pipeline; then buffer, offset and size of every operand.
type BindKey = (u64, Vec<(u64, u64, u64)>);

/// The buffer of scalars for adapters without immediates: one slot per dispatch of a batch, written before the
/// submission.
struct Scalars {
    values: Vec<u8>,
    buffer: wgpu::Buffer,
    group: wgpu::BindGroup,
}

impl Scalars {
    fn new(device: &wgpu::Device) -> Scalars {
        let buffer = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("scalars"),
            size: BATCH * ALIGNMENT,
            usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let group = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("scalars"),
            layout: &scalars_layout(device),
            entries: &[wgpu::BindGroupEntry {
                binding: 0,
                resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                    buffer: &buffer,
                    offset: 0,
                    size: std::num::NonZeroU64::new(PARAMS_BYTES),
                }),
            }],
        });
        Scalars { values: Vec::new(), buffer, group }
    }
}

impl Recorder {
    pub(super) fn new(handles: &Handles) -> Recorder {
        Recorder(Mutex::new(Open {
            batch: 1,
            encoder: None,
            pass: None,
            dispatches: 0,
            bind_groups: HashMap::new(),
            scalars: Scalars::new(&handles.device),
            staging: None,
            timestamps: None,
        }))
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// The number of the batch that is being recorded.
    #[cfg(test)]
    pub(super) fn batch(&self) -> u64 {
        self.lock().batch
    }

    /// Drops the cached bind groups, which keep their buffers alive.
    pub(super) fn forget_bind_groups(&self) {
        self.lock().bind_groups.clear();
    }

    #[allow(clippy::too_many_arguments)] // All of these describe one dispatch.
    pub(super) fn record(
        &self,
        handles: &Handles,
        label: &'static str,
        pipeline: &Arc<Pipeline>,
        params: &[u8],
        inputs: &[Operand],
        outputs: &[Operand],
        groups: u64,
        timed: Option<Dispatch>,
    ) -> Result<()> {
        let (x, y) = fold(groups);
        if y > DIMENSION {
            let reason = format!("{groups} workgroups are more than {DIMENSION}²; use a smaller batch");
            return Err(Error::Kernel { op: label.to_string(), device: handles.name.clone(), reason });
        }
        let mut open = self.lock();
        let open = &mut *open;
        let mut key: BindKey = (pipeline.id, Vec::with_capacity(inputs.len() + outputs.len()));
        for operand in inputs.iter().chain(outputs) {
            let slot = slot(operand);
            slot.last_batch.store(open.batch, Ordering::Relaxed);
            let (offset, bytes) = operand.byte_range();
            // Memory up to the next multiple of the alignment belongs to the tensor, so whole vectors can be bound.
            key.1.push((slot.id, offset, bytes.next_multiple_of(16)));
        }
        if open.bind_groups.len() >= BIND_GROUPS {
            open.bind_groups.clear();
        }
        let group = open.bind_groups.entry(key).or_insert_with_key(|(_, ranges)| {
            let entries: Vec<wgpu::BindGroupEntry> = (inputs.iter().chain(outputs).zip(ranges).enumerate())
                .map(|(binding, (operand, &(_, offset, bytes)))| wgpu::BindGroupEntry {
                    binding: binding as u32,
                    resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                        buffer: &slot(operand).buffer,
                        offset,
                        size: std::num::NonZeroU64::new(bytes),
                    }),
                })
                .collect();
            handles.device.create_bind_group(&wgpu::BindGroupDescriptor {
                label: Some(label),
                layout: &pipeline.operands,
                entries: &entries,
            })
        });
        if let Some(dispatch) = timed {
            open.pass = None;
            let timestamps = open.timestamps.get_or_insert_with(|| Timestamps::new(handles, BATCH));
            open.pass = Some(timestamps.pass(encoder(&mut open.encoder, handles), dispatch));
        }
        let pass = open.pass.get_or_insert_with(|| {
            encoder(&mut open.encoder, handles)
                .begin_compute_pass(&wgpu::ComputePassDescriptor {
                    label: Some("batch"),
                    timestamp_writes: None,
                })
                .forget_lifetime()
        });
        pass.set_pipeline(&pipeline.pipeline);
        pass.set_bind_group(0, &*group, &[]);
        if handles.immediates {
            pass.set_immediates(0, params);
        } else {
            let at = open.dispatches * ALIGNMENT;
            open.scalars.values.resize(at as usize, 0);
            open.scalars.values.extend_from_slice(params);
            pass.set_bind_group(1, &open.scalars.group, &[at as u32]);
        }
        pass.dispatch_workgroups(x as u32, y as u32, 1);
        if timed.is_some() {
            open.pass = None;
        }
        open.dispatches += 1;
        if open.dispatches == BATCH {
            open.submit(handles);
        }
        Ok(())
    }

    pub(super) fn write(&self, handles: &Handles, slot: &Slot, offset: u64, bytes: &[u8]) -> Result<()> {
        handles.check()?;
        let mut open = self.lock();
        // The queue writes before the next submission. Recorded dispatches that use this buffer must be submitted
        // first.
        if slot.last_batch.load(Ordering::Relaxed) == open.batch {
            open.submit(handles);
        }
        handles.queue.write_buffer(&slot.buffer, offset, bytes);
        handles.check()
    }

    pub(super) fn read(&self, handles: &Handles, slot: &Slot, offset: u64, bytes: &mut [u8]) -> Result<()> {
        handles.check()?;
        let mut open = self.lock();
        let size = bytes.len() as u64;
        let staging = match open.staging.take() {
            Some(buffer) if buffer.size() >= size => buffer,
            _ => handles.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("read-back"),
                size: size.next_multiple_of(4096),
                usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            }),
        };
        open.end_pass();
        encoder(&mut open.encoder, handles).copy_buffer_to_buffer(&slot.buffer, offset, &staging, 0, size);
        open.submit(handles);
        let (sender, receiver) = std::sync::mpsc::channel();
        staging.slice(..size).map_async(wgpu::MapMode::Read, move |result| {
            // Sending fails only if the wait below has failed and dropped the receiver.
            let _ = sender.send(result);
        });
        handles.wait()?;
        let mapped = receiver.recv().is_ok_and(|result| result.is_ok());
        handles.check()?;
        let lost =
            |reason: &str| Error::DeviceLost { device: handles.name.clone(), reason: reason.to_string() };
        if !mapped {
            return Err(lost("a buffer could not be read back"));
        }
        let view = staging.slice(..size).get_mapped_range().map_err(|e| lost(&e.to_string()))?;
        bytes.copy_from_slice(&view);
        drop(view);
        staging.unmap();
        open.staging = Some(staging);
        Ok(())
    }

    pub(super) fn synchronize(&self, handles: &Handles) -> Result<()> {
        handles.check()?;
        self.lock().submit(handles);
        handles.wait()
    }

    pub(super) fn take_timed(&self, handles: &Handles) -> Result<Vec<Dispatch>> {
        handles.check()?;
        let mut open = self.lock();
        open.submit(handles);
        open.timestamps.as_mut().map_or(Ok(Vec::new()), |timestamps| timestamps.take(handles))
    }
}

impl Open {
    fn end_pass(&mut self) {
        self.pass = None;
    }

    fn submit(&mut self, handles: &Handles) {
        self.end_pass();
        let Some(mut encoder) = self.encoder.take() else { return };
        if let Some(timestamps) = &mut self.timestamps {
            timestamps.resolve(handles, &mut encoder);
        }
        if !self.scalars.values.is_empty() {
            handles.queue.write_buffer(&self.scalars.buffer, 0, &self.scalars.values);
            self.scalars.values.clear();
        }
        handles.queue.submit([encoder.finish()]);
        self.dispatches = 0;
        self.batch += 1;
    }
}

/// The batch's encoder, created at its first use.
fn encoder<'a>(
    open: &'a mut Option<wgpu::CommandEncoder>,
    handles: &Handles,
) -> &'a mut wgpu::CommandEncoder {
    open.get_or_insert_with(|| {
        handles.device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("batch") })
    })
}

fn slot<'a>(operand: &Operand<'a>) -> &'a Slot {
    match operand.buffer.storage() {
        Storage::Gpu(slot) => slot,
        _ => unreachable!("the operands' device was compared before"),
    }
}

/// A number of workgroups in two dimensions, whose product is at least `groups`.
fn fold(groups: u64) -> (u64, u64) {
    let x = groups.clamp(1, DIMENSION);
    (x, groups.max(1).div_ceil(x))
}

#[cfg(test)]
mod tests {
    use super::fold;

    #[test]
    fn every_group_is_covered_and_no_dimension_too_large() {
        for groups in [1, 2, 65_534, 65_535, 65_536, 65_535 * 3 + 1, 1 << 30] {
            let (x, y) = fold(groups);
            assert!(x <= 65_535 && y <= 65_535 && x * y >= groups, "{groups}: {x} × {y}");
        }
    }
}
