require ["include", "variables"];
global "order";
set "order" "${order}1";
set "local" "x";
return;
set "order" "${order}2";
