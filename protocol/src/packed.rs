//! Which types travel as MessagePack and in which form.
//!
//! A struct is a mapping by the names of its fields, a variant without content a text, another one a mapping of its
//! name to its content; that is what `rmp_serde::to_vec_named` makes of the derived forms, and tests hold it to that. A
//! later version may add fields: unknown ones are passed over, and those that may be left out are blank then.
//!
//! The trait exists beside serde's for its size: each type's part is a table that two loops, compiled once, walk over.

use crate::msgpack::{Item, LEAST, PAIR, Reader, Unreadable, VALUE, Writer};
use crate::{Map, Value};
use std::collections::BTreeMap;

/// A type that travels.
pub trait Packed {
    /// A value to be read into.
    fn blank() -> Self
    where
        Self: Sized;

    /// Write it.
    fn write(&self, out: &mut Writer);

    /// Read it. After an error the value is neither the old nor the new one.
    fn read(&mut self, input: &mut Reader<'_>) -> Result<(), Unreadable>;

    /// Whether a field of this type may always be left out.
    fn is_optional(&self) -> bool {
        false
    }
}

/// A value as bytes.
pub fn pack(value: &dyn Packed) -> Vec<u8> {
    let mut writer = Writer::default();
    value.write(&mut writer);
    writer.finish()
}

/// A value from bytes; the error says what is wrong with them. Bytes after the value are not looked at.
pub fn unpack<T: Packed>(bytes: &[u8]) -> Result<T, String> {
    let mut value = T::blank();
    unpack_into(&mut value, bytes)?;
    Ok(value)
}

fn unpack_into(value: &mut dyn Packed, bytes: &[u8]) -> Result<(), String> {
    let mut reader = Reader::new(bytes);
    value.read(&mut reader).map_err(|Unreadable| reader.reason())
}

impl Writer {
    /// A struct: its fields under their names.
    pub fn fields(&mut self, names: &[&str], fields: &[&dyn Packed]) {
        self.map(names.len());
        for (name, field) in names.iter().zip(fields) {
            self.text(name);
            field.write(self);
        }
    }

    /// The name of a variant, whose content is to be written next.
    pub fn variant(&mut self, name: &str) {
        self.map(1);
        self.text(name);
    }
}

impl<'a> Reader<'a> {
    /// A struct: its fields in any order. From the `required`th on they may be left out.
    pub fn fields(
        &mut self,
        names: &[&str],
        required: usize,
        fields: &mut [&mut dyn Packed],
    ) -> Result<(), Unreadable> {
        // No type has as many fields as this has bits.
        let mut seen = 0_u64;
        for _ in 0..self.map()? {
            let name = self.word()?;
            let found = names.iter().position(|known| *known == name);
            match found.and_then(|index| Some((index, fields.get_mut(index)?))) {
                Some((index, _)) if seen >> index & 1 == 1 => return Err(self.refuse("a second field ", name)),
                Some((index, field)) => {
                    seen |= 1 << index;
                    field.read(self)?;
                }
                None => self.skip()?,
            }
        }
        for (index, (name, field)) in names.iter().zip(fields.iter()).enumerate().take(required) {
            if seen >> index & 1 == 0 && !field.is_optional() {
                return Err(self.refuse("missing field ", name));
            }
        }
        Ok(())
    }

    /// The name of a variant, and whether content follows.
    pub fn variant(&mut self) -> Result<(&'a str, bool), Unreadable> {
        let full = !self.is_text();
        if full && self.map()? != 1 {
            return Err(self.refuse("expected one variant", ""));
        }
        Ok((self.word()?, full))
    }

    /// Hold a variant to having content, or none.
    pub fn expect_content(&mut self, expected: bool, full: bool) -> Result<(), Unreadable> {
        match (expected, full) {
            (true, false) => Err(self.refuse("a variant without its content", "")),
            (false, true) if !self.nil() => Err(self.refuse("a variant with content it cannot have", "")),
            _ => Ok(()),
        }
    }
}

/// How a struct travels: `packed_struct!(Type { fields; fields that may be left out })`.
#[macro_export]
macro_rules! packed_struct {
    ($type:ident { $($field:ident),+ $(; $($spare:ident),+)? }) => {
        impl $crate::packed::Packed for $type {
            fn blank() -> Self {
                use $crate::packed::Packed;
                Self { $($field: Packed::blank(),)+ $($($spare: Packed::blank()),+)? }
            }

            fn write(&self, out: &mut $crate::msgpack::Writer) {
                let Self { $($field,)+ $($($spare),+)? } = self;
                out.fields(&[$(stringify!($field),)+ $($(stringify!($spare)),+)?], &[$($field,)+ $($($spare),+)?]);
            }

            fn read(&mut self, input: &mut $crate::msgpack::Reader<'_>) -> Result<(), $crate::msgpack::Unreadable> {
                let Self { $($field,)+ $($($spare),+)? } = self;
                let required = [$(stringify!($field)),+].len();
                let names = &[$(stringify!($field),)+ $($(stringify!($spare)),+)?];
                input.fields(names, required, &mut [$($field,)+ $($($spare),+)?])
            }
        }
    };
}

/// How an enum travels: `packed_enum!(Type = Self::Blank; Unit, One(content), Some { fields })`.
#[macro_export]
macro_rules! packed_enum {
    ($type:ident = $blank:expr; $($variant:ident $(($content:ident))? $({ $($field:ident),+ })?),+ $(,)?) => {
        impl $crate::packed::Packed for $type {
            fn blank() -> Self {
                $blank
            }

            fn write(&self, out: &mut $crate::msgpack::Writer) {
                match self {
                    $(Self::$variant $(($content))? $({ $($field),+ })? => {
                        $crate::packed_enum!(@write out, stringify!($variant) $(; ($content))? $(; { $($field),+ })?)
                    })+
                }
            }

            fn read(&mut self, input: &mut $crate::msgpack::Reader<'_>) -> Result<(), $crate::msgpack::Unreadable> {
                let (name, full) = input.variant()?;
                $(if name == stringify!($variant) {
                    $crate::packed_enum!(@read input, full $(($content))? $({ $($field),+ })?);
                    *self = Self::$variant $(($content))? $({ $($field),+ })?;
                    return Ok(());
                })+
                Err(input.refuse("unknown variant ", name))
            }
        }
    };
    (@write $out:ident, $name:expr) => { $out.text($name) };
    (@write $out:ident, $name:expr; ($content:ident)) => {{ $out.variant($name); $crate::packed::Packed::write($content, $out); }};
    (@write $out:ident, $name:expr; { $($field:ident),+ }) => {{
        $out.variant($name);
        $out.fields(&[$(stringify!($field)),+], &[$($field),+]);
    }};
    (@read $input:ident, $full:ident) => { $input.expect_content(false, $full)? };
    (@read $input:ident, $full:ident ($content:ident)) => {
        $input.expect_content(true, $full)?;
        let mut $content = $crate::packed::blank();
        $crate::packed::Packed::read(&mut $content, $input)?;
    };
    (@read $input:ident, $full:ident { $($field:ident),+ }) => {
        $input.expect_content(true, $full)?;
        $(let mut $field = $crate::packed::blank();)+
        let names = &[$(stringify!($field)),+];
        $input.fields(names, names.len(), &mut [$(&mut $field),+])?;
    };
}

/// How an enum without content travels: `packed_words!(Type { Variant "word", Other "other" })`.
#[macro_export]
macro_rules! packed_words {
    ($type:ident { $first:ident $word:literal $(, $other:ident $others:literal)* $(,)? }) => {
        impl $crate::packed::Packed for $type {
            fn blank() -> Self {
                Self::$first
            }

            fn write(&self, out: &mut $crate::msgpack::Writer) {
                out.text(match self {
                    Self::$first => $word,
                    $(Self::$other => $others,)*
                });
            }

            fn read(&mut self, input: &mut $crate::msgpack::Reader<'_>) -> Result<(), $crate::msgpack::Unreadable> {
                let (name, full) = input.variant()?;
                input.expect_content(false, full)?;
                *self = match name {
                    $word => Self::$first,
                    $($others => Self::$other,)*
                    _ => return Err(input.refuse("unknown variant ", name)),
                };
                Ok(())
            }
        }
    };
}

/// [`Packed::blank`], for the macros.
#[doc(hidden)]
pub fn blank<T: Packed>() -> T {
    T::blank()
}

impl Packed for bool {
    fn blank() -> Self {
        false
    }

    fn write(&self, out: &mut Writer) {
        out.bool(*self);
    }

    fn read(&mut self, input: &mut Reader<'_>) -> Result<(), Unreadable> {
        match input.item()? {
            Item::Bool(value) => *self = value,
            _ => return Err(input.refuse("expected a truth value", "")),
        }
        Ok(())
    }
}

impl Packed for u64 {
    fn blank() -> Self {
        0
    }

    fn write(&self, out: &mut Writer) {
        out.unsigned(*self);
    }

    fn read(&mut self, input: &mut Reader<'_>) -> Result<(), Unreadable> {
        match input.item()? {
            Item::Unsigned(value) => *self = value,
            _ => return Err(input.refuse("expected a number that is not negative", "")),
        }
        Ok(())
    }
}

impl Packed for u32 {
    fn blank() -> Self {
        0
    }

    fn write(&self, out: &mut Writer) {
        out.unsigned((*self).into());
    }

    fn read(&mut self, input: &mut Reader<'_>) -> Result<(), Unreadable> {
        let mut wide = 0_u64;
        wide.read(input)?;
        *self = u32::try_from(wide).map_err(|_| input.refuse("expected a number of 32 bits", ""))?;
        Ok(())
    }
}

impl Packed for i64 {
    fn blank() -> Self {
        0
    }

    fn write(&self, out: &mut Writer) {
        out.signed(*self);
    }

    fn read(&mut self, input: &mut Reader<'_>) -> Result<(), Unreadable> {
        *self = match input.item()? {
            Item::Signed(value) => value,
            Item::Unsigned(value) if i64::try_from(value).is_ok() => value as i64,
            _ => return Err(input.refuse("expected a number of 64 bits", "")),
        };
        Ok(())
    }
}

impl Packed for String {
    fn blank() -> Self {
        Self::new()
    }

    fn write(&self, out: &mut Writer) {
        out.text(self);
    }

    fn read(&mut self, input: &mut Reader<'_>) -> Result<(), Unreadable> {
        *self = input.word()?.to_owned();
        Ok(())
    }
}

impl Packed for Vec<u8> {
    fn blank() -> Self {
        Self::new()
    }

    fn write(&self, out: &mut Writer) {
        out.bytes(self);
    }

    fn read(&mut self, input: &mut Reader<'_>) -> Result<(), Unreadable> {
        match input.item()? {
            Item::Bytes(value) => *self = value.to_vec(),
            _ => return Err(input.refuse("expected bytes", "")),
        }
        Ok(())
    }
}

impl<T: Packed> Packed for Vec<T> {
    fn blank() -> Self {
        Self::new()
    }

    fn write(&self, out: &mut Writer) {
        out.list(self.len());
        for value in self {
            value.write(out);
        }
    }

    fn read(&mut self, input: &mut Reader<'_>) -> Result<(), Unreadable> {
        let length = input.list()?;
        input.charge(length, LEAST + size_of::<T>())?;
        *self = Self::with_capacity(length);
        for _ in 0..length {
            let mut value = T::blank();
            value.read(input)?;
            self.push(value);
        }
        Ok(())
    }
}

impl<T: Packed> Packed for Option<T> {
    fn blank() -> Self {
        None
    }

    fn write(&self, out: &mut Writer) {
        match self {
            Some(value) => value.write(out),
            None => out.nil(),
        }
    }

    fn read(&mut self, input: &mut Reader<'_>) -> Result<(), Unreadable> {
        *self = None;
        if input.nil() { Ok(()) } else { self.insert(T::blank()).read(input) }
    }

    fn is_optional(&self) -> bool {
        true
    }
}

impl<T: Packed> Packed for Box<T> {
    fn blank() -> Self {
        Self::new(T::blank())
    }

    fn write(&self, out: &mut Writer) {
        T::write(self, out);
    }

    fn read(&mut self, input: &mut Reader<'_>) -> Result<(), Unreadable> {
        T::read(self, input)
    }
}

impl Packed for BTreeMap<String, String> {
    fn blank() -> Self {
        Self::new()
    }

    fn write(&self, out: &mut Writer) {
        out.map(self.len());
        for (key, value) in self {
            out.text(key);
            out.text(value);
        }
    }

    fn read(&mut self, input: &mut Reader<'_>) -> Result<(), Unreadable> {
        self.clear();
        let length = input.map()?;
        input.charge(length, PAIR)?;
        for _ in 0..length {
            let key = input.word()?.to_owned();
            self.insert(key, input.word()?.to_owned());
        }
        Ok(())
    }
}

impl Packed for Map {
    fn blank() -> Self {
        Self::new()
    }

    fn write(&self, out: &mut Writer) {
        out.map(self.len());
        for (key, value) in self {
            out.text(key);
            value.write(out);
        }
    }

    fn read(&mut self, input: &mut Reader<'_>) -> Result<(), Unreadable> {
        let length = input.map()?;
        pairs(self, length, input)
    }
}

fn pairs(map: &mut Map, length: usize, input: &mut Reader<'_>) -> Result<(), Unreadable> {
    input.charge(length, PAIR)?;
    *map = Map::with_capacity(length);
    for _ in 0..length {
        let key = input.word()?.to_owned();
        let mut value = Value::Null;
        value.read(input)?;
        map.insert(key, value);
    }
    Ok(())
}

impl Packed for Value {
    fn blank() -> Self {
        Self::Null
    }

    fn write(&self, out: &mut Writer) {
        match self {
            Self::Null => out.nil(),
            Self::Bool(value) => out.bool(*value),
            Self::Number(number) => match (number.as_u64(), number.as_i64()) {
                (Some(value), _) => out.unsigned(value),
                (None, Some(value)) => out.signed(value),
                (None, None) => out.float(number.as_f64().unwrap_or(f64::NAN)),
            },
            Self::String(text) => out.text(text),
            Self::Array(values) => values.write(out),
            Self::Object(map) => map.write(out),
        }
    }

    fn read(&mut self, input: &mut Reader<'_>) -> Result<(), Unreadable> {
        *self = match input.item()? {
            Item::Nil => Self::Null,
            Item::Bool(value) => value.into(),
            Item::Unsigned(value) => value.into(),
            Item::Signed(value) => value.into(),
            // JSON has no word for infinity; it is nothing here, too.
            Item::Float(value) => value.into(),
            Item::Text(value) => value.into(),
            Item::Bytes(_) => return Err(input.refuse("bytes where a value was expected", "")),
            Item::List(length) => {
                input.enter()?;
                input.charge(length, VALUE)?;
                let mut values = Vec::with_capacity(length);
                for _ in 0..length {
                    let mut value = Self::Null;
                    value.read(input)?;
                    values.push(value);
                }
                input.leave();
                Self::Array(values)
            }
            Item::Map(length) => {
                input.enter()?;
                let mut map = Map::new();
                pairs(&mut map, length, input)?;
                input.leave();
                Self::Object(map)
            }
        };
        Ok(())
    }
}
