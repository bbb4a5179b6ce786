//! Boxes in boxes: each knows its size from its texts and what is in it, and draws itself at a place.

/// Width of a letter, height of a line, and the space around things, in pixels.
const LETTER: u32 = 8;
const LINE: u32 = 17;
const GAP: u32 = 8;

/// How the boxes in a box follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// Below each other, all of one width.
    Down,
    /// Beside each other; the row ends before it grows wider than this.
    Across(u32),
}

/// A box.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    class: &'static str,
    lines: Vec<String>,
    children: Vec<Block>,
    flow: Flow,
    fill: Option<&'static str>,
}

/// Where a box lies in another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    x: u32,
    y: u32,
    /// Height of the highest box in its row.
    height: u32,
}

/// Width and height in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Width.
    pub width: u32,
    /// Height.
    pub height: u32,
}

impl Block {
    /// A box with texts on top and boxes below them.
    pub fn new(class: &'static str, lines: Vec<String>, children: Vec<Block>, flow: Flow) -> Self {
        Self { class, lines, children, flow, fill: None }
    }

    /// A box with one text.
    pub fn leaf(class: &'static str, text: String) -> Self {
        Self::new(class, vec![text], Vec::new(), Flow::Down)
    }

    /// In a colour of its own.
    #[must_use]
    pub fn filled(mut self, fill: Option<&'static str>) -> Self {
        self.fill = fill;
        self
    }

    /// With one more box in it.
    #[must_use]
    pub fn with(mut self, child: Block) -> Self {
        self.children.push(child);
        self
    }

    /// Whether it, or something in it, is of this class.
    pub fn shows(&self, class: &str) -> bool {
        self.class == class || self.children.iter().any(|child| child.shows(class))
    }

    /// Its size.
    pub fn size(&self) -> Size {
        let longest = self.lines.iter().map(|line| line.chars().count()).max().unwrap_or_default();
        // The heading of the whole picture is set larger.
        let letter = if self.class == "machine" { LETTER + 3 } else { LETTER };
        let texts = pixels(longest) * letter + 2 * GAP;
        let (places, inside) = self.places();
        let padded = if places.is_empty() { 0 } else { inside.width + 2 * GAP };
        let below = if places.is_empty() { 0 } else { inside.height + GAP };
        Size { width: texts.max(padded), height: self.head() + below }
    }

    /// Height of the texts with the space around them.
    fn head(&self) -> u32 {
        pixels(self.lines.len()) * LINE + GAP
    }

    /// Where the boxes in it lie, from its own corner below the texts, with the height of their row, and the room they take.
    fn places(&self) -> (Vec<Place>, Size) {
        let (mut x, mut y, mut height, mut widest) = (0, 0, 0, 0);
        let (mut places, mut row): (Vec<Place>, Vec<(u32, u32)>) =
            (Vec::with_capacity(self.children.len()), Vec::new());
        for child in &self.children {
            let size = child.size();
            let full = match self.flow {
                Flow::Down => true,
                Flow::Across(most) => x + size.width > most,
            };
            if full && !row.is_empty() {
                places.extend(row.drain(..).map(|(x, y)| Place { x, y, height }));
                (x, y, height) = (0, y + height + GAP, 0);
            }
            row.push((x, y));
            widest = widest.max(x + size.width);
            height = height.max(size.height);
            x += size.width + GAP;
        }
        places.extend(row.drain(..).map(|(x, y)| Place { x, y, height }));
        (places, Size { width: widest, height: y + height })
    }

    /// Draws it with its corner at a place.
    pub fn draw(&self, x: u32, y: u32, out: &mut String) {
        self.draw_as(x, y, self.size(), out);
    }

    fn draw_as(&self, x: u32, y: u32, size: Size, out: &mut String) {
        let class = self.class;
        out.push_str(&format!(
            "<rect class=\"{class}\"{} x=\"{x}\" y=\"{y}\" width=\"{}\" height=\"{}\" rx=\"4\"/>\n",
            self.fill.map(|fill| format!(" style=\"fill: {fill}\"")).unwrap_or_default(),
            size.width,
            size.height
        ));
        for (index, line) in self.lines.iter().enumerate() {
            let down = y + pixels(index) * LINE + LINE - 1;
            // Only the first line of a box is its name.
            let style = if index == 0 { format!(" class=\"{class}-text\"") } else { String::new() };
            out.push_str(&format!("<text{style} x=\"{}\" y=\"{down}\">{}</text>\n", x + GAP, escape(line)));
        }
        let (places, inside) = self.places();
        for (child, place) in self.children.iter().zip(places) {
            let own = child.size();
            // Boxes beside each other are of one height, boxes below each other of one width.
            let own = match self.flow {
                Flow::Down => Size { width: inside.width.max(size.width.saturating_sub(2 * GAP)), ..own },
                Flow::Across(_) => Size { height: place.height, ..own },
            };
            child.draw_as(x + GAP + place.x, y + self.head() + place.y, own, out);
        }
    }
}

fn pixels(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX / 64).min(u32::MAX / 64)
}

/// Text within XML; control characters, which XML cannot hold, become question marks.
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '&' => safe.push_str("&amp;"),
            '"' => safe.push_str("&quot;"),
            letter if letter.is_control() => safe.push('?'),
            letter => safe.push(letter),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_hold_what_is_in_them() {
        let cells = vec![Block::leaf("core", "0 4".to_owned()); 5];
        let across = Block::new("cache", vec!["L3".to_owned()], cells, Flow::Across(100));
        let size = across.size();
        let cell = Block::leaf("core", "0 4".to_owned()).size();
        assert_eq!(size.width, 2 * cell.width + GAP + 2 * GAP, "two cells in a row of 100 pixels");
        assert_eq!(size.height, LINE + GAP + 3 * cell.height + 2 * GAP + GAP);
        let mut out = String::new();
        across.draw(0, 0, &mut out);
        assert_eq!(out.matches("<rect").count(), 6);
        assert_eq!(escape("<a & \"b\"\u{1}>"), "&lt;a &amp; &quot;b&quot;?&gt;");
    }
}
