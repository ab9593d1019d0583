//! What a device does with buffers: it allocates them, copies values to and from the host, and runs kernels on them.

use super::buffer::{Line, Storage};
use super::cpu::{lock_read, lock_write, run_on_cpu};
use super::gpu;
use super::kernel::Kernel;
use super::memory;
use super::pool::size_class;
use super::profile::Dispatch;
use super::{ALIGNMENT, Backend, Buffer, DType, Device, Element, Kind, Operand};
use crate::error::{Error, Result};
use crate::shape::MAX_ELEMENTS;
use std::sync::RwLock;
use std::time::Instant;

impl Device {
    /// Allocates memory for `len` elements, with undefined contents. `op` names the caller in errors.
    ///
    /// # Errors
    /// [`Error::TooManyElements`] above [`MAX_ELEMENTS`]; [`Error::TooLarge`] above the adapter's binding limit;
    /// [`Error::OutOfMemory`]; [`Error::DType`] for f64 on a GPU, and for f16 on a GPU without 16-bit floats.
    pub fn allocate(&self, op: &'static str, dtype: DType, len: usize) -> Result<Buffer> {
        if dtype == DType::F64 && !matches!(self.kind(), Kind::Cpu) {
            let expected = format!("f32 (f64 is for the CPU device; this is {})", self.name());
            return Err(Error::DType { op, found: dtype.name(), expected });
        }
        if let (DType::F16, Backend::Gpu(gpu::Gpu { f16: false, .. })) = (dtype, &self.0.backend) {
            let expected = format!("f32 ({} has no 16-bit floats; train in f32 there)", self.name());
            return Err(Error::DType { op, found: dtype.name(), expected });
        }
        let size = dtype.size() as u64;
        if len > MAX_ELEMENTS {
            return Err(Error::TooManyElements { what: op.to_string(), elements: len });
        }
        let limit = self.largest_tensor();
        let bytes = (len as u64 * size).next_multiple_of(ALIGNMENT);
        if bytes > limit {
            return Err(Error::TooLarge { op, bytes, limit, device: self.name() });
        }
        let class = size_class(bytes).min(limit.next_multiple_of(ALIGNMENT));
        let ledger = &self.0.ledger;
        let storage = match &self.0.backend {
            Backend::Cpu(pool) => Storage::Host(RwLock::new(match pool.take(class) {
                Some(lines) => lines,
                None => {
                    let lines = class as usize / size_of::<Line>();
                    let fresh = bytemuck::allocation::try_zeroed_vec(lines).map_err(|()| {
                        Error::OutOfMemory { device: self.name(), bytes, live: self.usage().live }
                    })?;
                    ledger.reserve(class);
                    fresh
                }
            })),
            Backend::Gpu(gpu) => Storage::Gpu(match gpu.pool.take(class) {
                Some(slot) => slot,
                None => {
                    let slot = gpu.allocate(class).or_else(|_| {
                        // Buffers in the pool may occupy the memory that is needed.
                        ledger.release(gpu.trim());
                        gpu.allocate(class)
                    });
                    let live = self.usage().live;
                    let slot = slot.map_err(|e| match e {
                        Error::OutOfMemory { device, bytes, .. } => {
                            Error::OutOfMemory { device, bytes, live }
                        }
                        other => other,
                    })?;
                    ledger.reserve(class);
                    slot
                }
            }),
            Backend::Dry(_) => {
                ledger.reserve(class);
                Storage::Dry
            }
        };
        Ok(Buffer::new(self.clone(), storage, bytes, class, memory::current()))
    }

    /// Checks that a buffer is on this device and has the elements `offset..offset + len`.
    fn check_range(
        &self,
        op: &'static str,
        buffer: &Buffer,
        dtype: DType,
        offset: usize,
        len: usize,
    ) -> Result<()> {
        self.check_same(op, buffer.device())?;
        let (end, elements) = (offset.saturating_add(len), buffer.bytes() / dtype.size() as u64);
        if end as u64 > elements {
            let expected = format!("within 0..{elements}, the buffer's elements of {dtype}");
            return Err(Error::argument(op, "range", format!("{offset}..{end}"), expected));
        }
        Ok(())
    }

    /// Checks a kernel's operands: all are on this device and end within their buffers, and no output's buffer is
    /// another operand.
    fn check_operands(&self, kernel: &'static str, inputs: &[Operand], outputs: &[Operand]) -> Result<()> {
        for (i, output) in outputs.iter().enumerate() {
            let again = inputs.iter().chain(&outputs[..i]).any(|other| other.buffer.same(output.buffer));
            if again {
                let problem =
                    "the buffer of an output is also another operand; copy one of the two first".to_string();
                return Err(Error::Placement { op: kernel, problem });
            }
        }
        let mut operands = inputs.iter().chain(outputs);
        operands.try_for_each(|o| self.check_range(kernel, o.buffer, o.dtype, o.offset, o.len))
    }

    /// Copies values from the host into a buffer, from element `offset` on.
    ///
    /// # Errors
    /// [`Error::Argument`] if the values do not fit into the buffer; [`Error::Placement`] for a buffer of another
    /// device; [`Error::Kernel`], [`Error::DeviceLost`] and [`Error::OutOfMemory`] from the driver.
    pub fn write<E: Element>(&self, buffer: &Buffer, offset: usize, values: &[E]) -> Result<()> {
        self.check_range("write", buffer, E::DTYPE, offset, values.len())?;
        buffer.touch();
        match (&self.0.backend, buffer.storage()) {
            (Backend::Gpu(gpu), Storage::Gpu(slot)) => {
                gpu.write(slot, (offset * size_of::<E>()) as u64, bytemuck::cast_slice(values))
            }
            (_, Storage::Host(lines)) => {
                let mut lines = lock_write(lines);
                let all: &mut [E] = bytemuck::cast_slice_mut(&mut lines);
                all[offset..offset + values.len()].copy_from_slice(values);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Copies `len` elements of a buffer, from element `offset` on, to the host. Waits until they are computed. A dry
    /// device returns zeros.
    ///
    /// # Errors
    /// [`Error::Argument`] if the buffer has fewer elements; [`Error::Placement`] for a buffer of another device;
    /// [`Error::Kernel`], [`Error::DeviceLost`] and [`Error::OutOfMemory`] from the driver.
    pub fn read<E: Element>(&self, buffer: &Buffer, offset: usize, len: usize) -> Result<Vec<E>> {
        self.check_range("read", buffer, E::DTYPE, offset, len)?;
        let mut values = vec![E::zeroed(); len];
        match (&self.0.backend, buffer.storage()) {
            (Backend::Gpu(gpu), Storage::Gpu(slot)) => {
                gpu.read(slot, (offset * size_of::<E>()) as u64, bytemuck::cast_slice_mut(&mut values))?;
            }
            (_, Storage::Host(lines)) => {
                values.copy_from_slice(&bytemuck::cast_slice(&lock_read(lines))[offset..offset + len]);
            }
            _ => {}
        }
        Ok(values)
    }

    /// Runs `kernel` on the CPU; records it on a GPU. Inputs and outputs are in the order of the kernel's bindings.
    ///
    /// # Errors
    /// [`Error::Placement`] if an operand is on another device, or if the buffer of an output is also another operand;
    /// [`Error::Argument`] if an operand ends beyond its buffer; [`Error::Kernel`], [`Error::DeviceLost`] and
    /// [`Error::OutOfMemory`] from the driver.
    pub fn run<P: bytemuck::Pod>(
        &self,
        kernel: &'static Kernel<P>,
        params: &P,
        inputs: &[Operand],
        outputs: &[Operand],
    ) -> Result<()> {
        self.check_operands(kernel.name, inputs, outputs)?;
        outputs.iter().for_each(|output| output.buffer.touch());
        let profiler = &self.0.profiler;
        let timed = profiler
            .is_on()
            .then(|| (Dispatch::new(kernel.name, (kernel.flops)(params), inputs, outputs), Instant::now()));
        match &self.0.backend {
            Backend::Cpu(_) => {
                if inputs.iter().chain(outputs).any(|o| o.dtype == DType::F64) {
                    run_on_cpu(&|args| (kernel.reference.f64)(params, args), inputs, outputs);
                } else {
                    let function = kernel.fast.unwrap_or(kernel.reference.f32);
                    run_on_cpu(&|args| function(params, args), inputs, outputs);
                }
                if let Some((dispatch, begun)) = timed {
                    profiler.add(dispatch, begun);
                }
                Ok(())
            }
            Backend::Gpu(gpu) => match timed {
                Some((dispatch, _)) if !gpu.has_timestamps() => {
                    gpu.synchronize()?;
                    let begun = Instant::now();
                    gpu.record(kernel, params, inputs, outputs, None)?;
                    gpu.synchronize()?;
                    profiler.add(dispatch, begun);
                    Ok(())
                }
                timed => gpu.record(kernel, params, inputs, outputs, timed.map(|(dispatch, _)| dispatch)),
            },
            Backend::Dry(None) => Ok(()),
            Backend::Dry(Some(translator)) => translator.add(kernel, params, inputs, outputs),
        }
    }
}
