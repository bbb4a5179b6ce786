//! A fact's shape written once: the struct that is serialised and the rows of the reference page.

/// One field of a shape, for the reference page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// Field name as Rust writes it (`r#type` for `type`).
    pub field: &'static str,
    /// Meaning.
    pub meaning: &'static str,
    /// Unit or form (`KiB`, `list of CPUs`); empty where the meaning says it.
    pub unit: &'static str,
    /// File or interface it is read from.
    pub source: &'static str,
}

/// Declares a struct whose fields each carry `["unit", "source"]` after their documentation.
macro_rules! shape {
    ($(
        $(#[doc = $doc:literal])+
        pub struct $name:ident {
            $( $(#[doc = $meaning:literal])+ [$unit:literal, $source:literal] $field:ident: $type:ty, )*
        }
    )*) => {
        $(
            $(#[doc = $doc])+
            #[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
            pub struct $name {
                $( $(#[doc = $meaning])+ pub $field: $type, )*
            }

            impl $crate::facts::Fact for $name {
                fn value(&self) -> $crate::Value {
                    $crate::facts::object(
                        &[$(stringify!($field)),*],
                        &[$(&self.$field as &dyn $crate::facts::Fact),*],
                    )
                }
            }

            impl $name {
                /// The fields as rows of the reference page.
                pub const ROWS: &'static [$crate::facts::Row] = &[
                    $( $crate::facts::Row {
                        field: stringify!($field),
                        meaning: concat!($($meaning),+),
                        unit: $unit,
                        source: $source,
                    }, )*
                ];
            }
        )*
    };
}

pub(crate) use shape;
